/** Rules of purge-api/restore.ts. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { RestoreRefused, restoreJournal } from '../../purge-api/restore.ts';
import { openSqliteJournal } from '../../purge-api/sqlite-journal.ts';
import { temporaryFolder } from './builders.ts';

function place(t: TestContext) {
  const folder = temporaryFolder();
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'purge', 'journal.sqlite');
  const open = () =>
    openSqliteJournal(
      { clock: systemClock, random: systemRandom, log: silentLog },
      { file, retentionMs: 86_400_000 },
    );
  const append = async (tag: string) => {
    const journal = open();
    const selectors = [{ kind: 'tag' as const, tag }];
    await journal.append({ soft: false, scope: ['*'], selectors, by: 'all' });
    const head = journal.head();
    await journal.close();
    return head;
  };
  return { file, open, append };
}

test('the copy goes on with its entries under an identity that no node knows, durably', async (t) => {
  const { file, open, append } = place(t);
  const old = await append('a');
  copyFileSync(file, `${file}.copy`);
  const lost = await append('b');
  copyFileSync(`${file}.copy`, file);
  const restored = restoreJournal(file);
  assert.deepEqual([restored.before, restored.seq], [old.identity, 1]);
  const journal = open();
  t.after(journal.close);
  assert.equal(journal.head().identity, restored.identity);
  assert.equal((await journal.after(0, { limit: 9 })).length, 1);
  for (const position of [old, lost]) assert.equal(await journal.holds(position), false);
});

test('while purge-api runs it is refused, and nothing changes', async (t) => {
  const { file, open } = place(t);
  const journal = open();
  t.after(journal.close);
  const { identity } = journal.head();
  assert.throws(() => restoreJournal(file), {
    message: `${file} is in use by another process: only one purge-api may have it`,
  });
  assert.equal(journal.head().identity, identity);
});

test('a file that is missing or damaged is refused and left as it is', (t) => {
  const { file } = place(t);
  assert.throws(() => restoreJournal(file), RestoreRefused);
  assert.equal(existsSync(file), false);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'no journal '.repeat(1000));
  assert.throws(() => restoreJournal(file), /is damaged/);
  assert.match(readFileSync(file, 'utf8'), /^no journal/);
});
