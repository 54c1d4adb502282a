import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDamage, openDatabase } from '../../../core/runtime/sqlite.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'breakwater-sqlite-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A database of some pages; closed. */
function filled(t: TestContext): string {
  const file = path.join(folder(t), 'a.db');
  const database = openDatabase(file);
  database.exec('create table t (a, b); create index i on t (a)');
  const insert = database.prepare('insert into t values (?, ?)');
  for (let n = 0; n < 200; n += 1) insert.run(n, 'x'.repeat(200));
  database.close();
  return file;
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return assert.fail('it worked');
}

test('every file is in WAL mode, gives back free pages, and syncs as it was asked to', (t) => {
  const database = openDatabase(path.join(folder(t), 'a.db'), {
    synchronous: 'full',
    pageBytes: 8192,
  });
  const pragma = (name: string) => database.pragma(name, { simple: true });
  assert.deepEqual(
    [pragma('journal_mode'), pragma('auto_vacuum'), pragma('synchronous'), pragma('page_size')],
    ['wal', 2, 2, 8192],
  );
  database.close();
});

test('a read-only connection reads what another one writes, and writes nothing', (t) => {
  const file = filled(t);
  const writer = openDatabase(file);
  const reader = openDatabase(file, { readonly: true });
  writer.exec('delete from t');
  assert.deepEqual(reader.prepare('select count(*) as n from t').get(), { n: 0 });
  const error = errorOf(() => reader.exec('delete from t'));
  assert.equal(isDamage(error), false);
  reader.close();
  writer.close();
});

test('a file that is no database, and one with a page overwritten, are damaged', (t) => {
  const text = path.join(folder(t), 'text.db');
  writeFileSync(text, 'this is a letter and not a database'.repeat(100));
  assert.equal(isDamage(errorOf(() => openDatabase(text))), true);
  const file = filled(t);
  const bytes = readFileSync(file);
  bytes.fill(0xab, 4096);
  writeFileSync(file, bytes);
  const read = () => openDatabase(file).prepare('select sum(a) from t').get();
  assert.equal(isDamage(errorOf(read)), true);
});

test('a wrong query, a missing folder and a value that is no error are no damage', (t) => {
  const database = openDatabase(path.join(folder(t), 'a.db'));
  assert.equal(isDamage(errorOf(() => database.prepare('select'))), false);
  database.close();
  const missing = path.join(folder(t), 'missing', 'a.db');
  const error = errorOf(() => openDatabase(missing));
  assert.equal(isDamage(error), false);
  assert.equal((error as { path?: string }).path, missing);
  assert.deepEqual([null, undefined, 'SQLITE_CORRUPT', {}].map(isDamage), [
    false,
    false,
    false,
    false,
  ]);
});
