/** Rules of core/cache/purge-state.ts: what a worker knows of purges when a read begins (DESIGN section 4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeJournal } from '../../support/fake-journal.ts';
import { journal, responseWith } from '../../support/responses.ts';

const plain = { url: () => undefined, prefix: () => undefined };
const news = [{ kind: 'tag' as const, tag: 'news' }];
const other = [{ kind: 'tag' as const, tag: 'other' }];

function open() {
  const clock = createFakeClock();
  const { purge, purges, reset } = createFakeJournal(clock, plain);
  return { clock, purge, purges, reset, entry: () => responseWith({ tags: ['news'] }) };
}

describe('what is published', () => {
  it('is taken by sync, and not before', () => {
    const { purge, purges } = open();
    purge(news);
    assert.equal(purges.position().seq, 0);
    purges.sync();
    assert.equal(purges.position().seq, 1);
  });

  it('may be another journal', () => {
    const { purges, reset } = open();
    reset('journal-b');
    purges.sync();
    assert.equal(purges.index.identity, 'journal-b');
  });
});

describe('a judgement', () => {
  it('lifts the label of what is clean, so that the next one is one comparison', () => {
    const { entry, purge, purges } = open();
    const clean = entry();
    purge(other);
    purges.sync();
    assert.equal(purges.judge(clean).kind, 'clean');
    assert.equal(clean.labelSeq, 1);
  });

  it('never takes a label back', () => {
    const { entry, purges } = open();
    const ahead = Object.assign(entry(), { labelSeq: 5 });
    purges.judge(ahead);
    assert.equal(ahead.labelSeq, 5);
  });

  it('does not lift what a soft purge has matched, and marks it with the time of the first', async () => {
    const { clock, entry, purge, purges } = open();
    const stale = entry();
    const firstMs = clock.nowMs();
    purge(news, { soft: true });
    await clock.advance(1000);
    purge(news, { soft: true });
    purges.sync();
    assert.equal(purges.judge(stale).kind, 'soft');
    assert.deepEqual([stale.labelSeq, stale.staleSinceMs], [0, firstMs]);
  });

  it('leaves an earlier mark', () => {
    const { entry, purge, purges } = open();
    const stale = Object.assign(entry(), { staleSinceMs: 1 });
    purge(news, { soft: true });
    purges.sync();
    purges.judge(stale);
    assert.equal(stale.staleSinceMs, 1);
  });

  it('does not lift what a hard purge or another journal has matched', () => {
    const { entry, purge, purges, reset } = open();
    const purged = entry();
    purge(news);
    purges.sync();
    assert.equal(purges.judge(purged).kind, 'hard');
    reset('journal-b');
    purges.sync();
    const foreign = entry();
    assert.equal(purges.judge(foreign).kind, 'hard');
    assert.deepEqual([purged.labelSeq, foreign.labelSeq], [0, 0]);
  });
});

describe('the label of a response', () => {
  it('is the cursor, with its hash, when nothing matched', () => {
    const { entry, purge, purges } = open();
    purge(other);
    purges.sync();
    assert.deepEqual(purges.labelOf(entry()), purges.position());
  });

  it('is its own when something did', () => {
    const { entry, purge, purges } = open();
    purge(news);
    purges.sync();
    assert.deepEqual(purges.labelOf(entry()), { identity: journal, seq: 0, hash: '' });
  });
});

describe('waiting for a position', () => {
  const position = { identity: journal, seq: 1, hash: 'x' };

  it('ends when it is reached', async () => {
    const { clock, purge, purges } = open();
    const reached = purges.reaches(position, 200);
    await clock.advance(50);
    purge(other);
    await clock.advance(2);
    assert.equal(await reached, true);
  });

  it('ends after the limit when it is not', async () => {
    const { clock, purges } = open();
    const reached = purges.reaches(position, 200);
    await clock.advance(300);
    assert.equal(await reached, false);
  });

  it('does not wait for a journal that this node does not know', async () => {
    const { clock, purges } = open();
    assert.equal(await purges.reaches({ ...position, identity: 'journal-b' }, 200), false);
    assert.equal(clock.pending, 0);
  });
});
