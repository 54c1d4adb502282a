import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { openDatabase } from '../../core/runtime/sqlite.ts';
import type { Journal } from '../../purge-api/journal.ts';
import { openSqliteJournal, type SqliteJournalOptions } from '../../purge-api/sqlite-journal.ts';
import { purge, testJournal } from '../contract/journal.contract.ts';
import { createFakeClock, createSeededRandom } from '../support/fake-clock.ts';

const folders: string[] = [];
const opened: Journal[] = [];
let seed = 0;

function setUp(options: Partial<SqliteJournalOptions> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-journal-'));
  folders.push(folder);
  const file = path.join(folder, 'journal.sqlite');
  const clock = createFakeClock();
  seed += 1;
  const deps = { clock, random: createSeededRandom(seed), log: silentLog };
  const open = () => {
    const journal = openSqliteJournal(deps, { file, retentionMs: 86_400_000, ...options });
    opened.push(journal);
    return journal;
  };
  return { folder, file, clock, open };
}

async function closeAll(): Promise<void> {
  for (const journal of opened.splice(0)) await journal.close();
}

async function cleanUp(): Promise<void> {
  await closeAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

testJournal('SQLite journal', {
  async open(options) {
    const { clock, open } = setUp(options);
    const again = async () => {
      await closeAll();
      return open();
    };
    return { journal: open(), clock, again };
  },
  cleanUp,
});

describe('SQLite journal: its file', () => {
  test('is synced at every commit, in WAL mode', async () => {
    const { file, open } = setUp();
    await open().append(purge('x'));
    await closeAll();
    const database = openDatabase(file, { synchronous: 'full' });
    assert.equal(database.pragma('journal_mode', { simple: true }), 'wal');
    assert.equal(database.pragma('synchronous', { simple: true }), 2);
    database.close();
  });

  test('a second opening is refused, with a clear line', () => {
    const { open } = setUp();
    open();
    assert.throws(open, /journal\.sqlite is in use by another process/);
  });

  test('a file that is no database is set aside, and a new journal with a new identity begins', async () => {
    const { folder, file, open } = setUp();
    const before = open();
    await before.append(purge('x'));
    const { identity } = before.head();
    await closeAll();
    writeFileSync(file, 'not a database at all'.repeat(500));
    const after = open();
    assert.deepEqual([after.head().seq, after.head().identity === identity], [0, false]);
    const aside = readdirSync(folder).find((name) => /damaged-\d+$/.test(name));
    assert.match(readFileSync(path.join(folder, aside ?? ''), 'latin1'), /^not a database/);
  });

  test('a row that was changed is not handed out: the file is set aside and everybody told', async () => {
    const replaced: string[] = [];
    const { folder, file, open } = setUp({ onReplaced: (reason) => replaced.push(reason) });
    const before = open();
    for (const name of ['x', 'y', 'z']) await before.append(purge(name));
    await closeAll();
    const database = openDatabase(file);
    database.prepare('update entries set soft = 1 where seq = 2').run();
    database.close();
    const journal = open();
    const { identity } = journal.head();
    await assert.rejects(journal.after(0, { limit: 10 }), /entry 2 does not follow/);
    assert.deepEqual(replaced, ['the journal was damaged']);
    assert.deepEqual([journal.head().seq, journal.head().identity === identity], [0, false]);
    assert.equal((await journal.append(purge('new'))).kind, 'appended');
    assert.ok(readdirSync(folder).some((name) => name.includes('damaged')));
  });

  test('a file of a newer version is left alone', async () => {
    const { folder, file, open } = setUp();
    open();
    await closeAll();
    const database = openDatabase(file);
    database.pragma('user_version = 99');
    database.close();
    assert.throws(open, /newer version/);
    assert.ok(!readdirSync(folder).some((name) => name.includes('damaged')));
  });

  test('an append that cannot be made durable is rejected and gives no number away', async () => {
    const { file, open } = setUp();
    const journal = open();
    await journal.append(purge('x'));
    await closeAll();
    const database = openDatabase(file);
    database.exec(`create trigger full before insert on entries when new.seq = 3
      begin select raise(abort, 'no space'); end`);
    database.close();
    const limited = open();
    const results = await Promise.allSettled(['y', 'z'].map((name) => limited.append(purge(name))));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(limited.head().seq, 1);
    assert.equal((await limited.append(purge('y'))).kind, 'appended');
    assert.equal(limited.head().seq, 2);
  });
});
