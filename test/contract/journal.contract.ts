/**
 * What every journal must do, whatever it is made of (the port of `purge-api/journal.ts`). Run by the test of each
 * implementation with its own way of opening one.
 */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { chainHash, startOf } from '../../core/purge/command.ts';
import type { Idempotency, Journal, PurgeCommand } from '../../purge-api/journal.ts';
import type { FakeClock } from '../support/fake-clock.ts';

export interface JournalUnderTest {
  /** Opens a journal that is empty at first; `again` closes it and opens the same one. */
  open(options: { retentionMs: number; maxEntries: number }): Promise<{
    journal: Journal;
    clock: FakeClock;
    again(): Promise<Journal>;
  }>;
  /** Removes what `open` has made. */
  cleanUp(): Promise<void>;
}

const dayMs = 86_400_000;

export function purge(name: string, soft = false): PurgeCommand {
  return { soft, scope: ['*'], selectors: [{ kind: 'tag', tag: name }], by: 'test' };
}

/** Declares the tests. */
export function testJournal(title: string, subject: JournalUnderTest): void {
  afterEach(subject.cleanUp);
  const open = (options: { retentionMs?: number; maxEntries?: number } = {}) =>
    subject.open({ retentionMs: 30 * dayMs, maxEntries: 1000, ...options });
  const fill = async (journal: Journal, count: number) => {
    for (let n = 0; n < count; n += 1) await journal.append(purge(`t${n}`));
  };
  const all = (journal: Journal) => journal.after(0, { limit: 1000 });

  describe(`${title}: appending`, () => {
    test('begins empty, under a random identity of its own', async () => {
      const { journal } = await open();
      assert.deepEqual(journal.head(), startOf(journal.head().identity));
      assert.match(journal.head().identity, /^[0-9a-f]{32}$/);
      assert.deepEqual(await all(journal), []);
    });

    test('numbers are contiguous and each hash follows from all before', async () => {
      const { journal, clock } = await open();
      await fill(journal, 3);
      let hash = '';
      for (const [index, entry] of (await all(journal)).entries()) {
        assert.equal(entry.seq, index + 1);
        assert.equal(entry.atMs, clock.nowMs());
        assert.equal(entry.hash, chainHash(hash, entry));
        hash = entry.hash;
      }
      assert.deepEqual([journal.head().seq, journal.head().hash], [3, hash]);
    });

    test('concurrent appends are numbered in the order of the calls', async () => {
      const { journal } = await open();
      const names = Array.from({ length: 500 }, (_, index) => `t${index}`);
      const results = await Promise.all(names.map((name) => journal.append(purge(name))));
      const seqs = results.map((result) => result.kind === 'appended' && result.entry.seq);
      assert.deepEqual(
        seqs,
        names.map((_, index) => index + 1),
      );
      const kept = (await all(journal)).map(({ selectors: [first] }) => first);
      assert.deepEqual(
        kept,
        names.map((tag) => ({ kind: 'tag', tag })),
      );
    });

    test('an entry keeps what was asked, and who asked', async () => {
      const { journal } = await open();
      const command: PurgeCommand = {
        soft: true,
        scope: ['a.test', 'b.test'],
        selectors: [{ kind: 'prefix', prefix: 'https://a.test/ü' }, { kind: 'everything' }],
        by: 'deploy',
      };
      const result = await journal.append(command);
      const id = result.kind === 'appended' ? result.entry.id : '';
      const found = await journal.find(id);
      const { soft, scope, selectors } = found?.entry ?? {};
      assert.deepEqual({ soft, scope, selectors, by: found?.by }, command);
      assert.equal(await journal.find('unknown'), undefined);
    });
  });

  describe(`${title}: idempotency`, () => {
    const once: Idempotency = { key: 'deploy k1', fingerprint: 'f1' };

    test('the same key with the same command is appended once, also at the same time', async () => {
      const { journal } = await open();
      const results = await Promise.all([
        journal.append(purge('x'), once),
        journal.append(purge('x'), once),
      ]);
      const again = await journal.append(purge('x'), once);
      assert.deepEqual(
        [...results, again].map(({ kind }) => kind),
        ['appended', 'repeated', 'repeated'],
      );
      assert.equal(journal.head().seq, 1);
    });

    test('the same key with another command is a conflict and appends nothing', async () => {
      const { journal } = await open();
      await journal.append(purge('x'), once);
      const result = await journal.append(purge('y'), { ...once, fingerprint: 'f2' });
      assert.deepEqual([result.kind, journal.head().seq], ['conflict', 1]);
    });

    test('a key is remembered over a restart', async () => {
      const { journal, again } = await open();
      await journal.append(purge('x'), once);
      assert.equal((await (await again()).append(purge('x'), once)).kind, 'repeated');
    });
  });

  describe(`${title}: reading`, () => {
    test('pages begin after the number, and are bounded by count and by bytes', async () => {
      const { journal } = await open();
      await fill(journal, 5);
      const seqs = async (after: number, page: { limit: number; maxBytes?: number }) =>
        (await journal.after(after, page)).map(({ seq }) => seq);
      assert.deepEqual(await seqs(1, { limit: 2 }), [2, 3]);
      assert.deepEqual(await seqs(3, { limit: 10 }), [4, 5]);
      assert.deepEqual(await seqs(5, { limit: 10 }), []);
      assert.deepEqual(await seqs(99, { limit: 10 }), []);
      // One entry always comes, or a large one would never be sent.
      assert.deepEqual(await seqs(0, { limit: 10, maxBytes: 1 }), [1]);
    });

    test('positions: of each number, held with its hash only', async () => {
      const { journal } = await open();
      await fill(journal, 3);
      const second = await journal.positionOf(2);
      assert.ok(second && (await journal.holds(second)));
      assert.ok(await journal.holds(startOf(journal.head().identity)));
      assert.ok(!(second && (await journal.holds({ ...second, hash: 'other' }))));
      assert.ok(!(second && (await journal.holds({ ...second, identity: 'other' }))));
      assert.equal(await journal.positionOf(4), undefined);
    });
  });

  describe(`${title}: over a restart`, () => {
    test('identity, entries and numbers go on', async () => {
      const { journal, again } = await open();
      await fill(journal, 2);
      const [before, head] = [await all(journal), journal.head()];
      const reopened = await again();
      assert.deepEqual([await all(reopened), reopened.head()], [before, head]);
      const next = await reopened.append(purge('next'));
      assert.equal(next.kind === 'appended' && next.entry.seq, 3);
    });

    test('a new identity is kept; entries, numbers and the chain go on under it', async () => {
      const { journal, again } = await open();
      await fill(journal, 2);
      const old = journal.head();
      const renewed = await journal.renewIdentity('a test');
      assert.notEqual(renewed.identity, old.identity);
      assert.deepEqual([renewed.seq, renewed.hash], [old.seq, old.hash]);
      assert.ok(!(await journal.holds(old)));
      assert.deepEqual((await again()).head(), renewed);
    });
  });

  describe(`${title}: retention`, () => {
    test('what is older than the retention goes; a node at the floor can follow, one below cannot', async () => {
      const { journal, clock } = await open({ retentionMs: dayMs });
      await fill(journal, 2);
      const [first, second] = [await journal.positionOf(1), await journal.positionOf(2)];
      await clock.advance(dayMs + 1);
      await fill(journal, 2);
      assert.equal(await journal.prune(), 2);
      assert.deepEqual(journal.floor(), second);
      assert.ok(second && (await journal.holds(second)));
      assert.ok(!(first && (await journal.holds(first))));
      assert.deepEqual(
        (await all(journal)).map(({ seq }) => seq),
        [3, 4],
      );
    });

    test('what is exactly as old as the retention stays', async () => {
      const { journal, clock } = await open({ retentionMs: dayMs });
      await fill(journal, 2);
      await clock.advance(dayMs);
      assert.equal(await journal.prune(), 0);
    });

    test('no more than maxEntries stay, and always the newest', async () => {
      const { journal, clock, again } = await open({ maxEntries: 2, retentionMs: dayMs });
      await fill(journal, 5);
      assert.equal(await journal.prune(), 3);
      await clock.advance(9 * dayMs);
      await journal.prune();
      assert.deepEqual([journal.head().seq, journal.floor().seq], [5, 4]);
      const reopened = await again();
      assert.deepEqual([reopened.head(), reopened.floor()], [journal.head(), journal.floor()]);
    });

    test('a key goes with its entry', async () => {
      const once: Idempotency = { key: 'k', fingerprint: 'f' };
      const { journal } = await open({ maxEntries: 1 });
      await journal.append(purge('x'), once);
      await fill(journal, 1);
      await journal.prune();
      assert.equal((await journal.append(purge('x'), once)).kind, 'appended');
    });
  });
}
