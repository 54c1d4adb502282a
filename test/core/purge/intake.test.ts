import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type JournalEntry, startOf } from '../../../core/purge/command.ts';
import { entryBytes, hasReached, takeIn } from '../../../core/purge/intake.ts';
import { chain, entries, everything, positionAfter, prefix, tag, url } from './builders.ts';

const [first, second, third] = entries(3) as [JournalEntry, JournalEntry, JournalEntry];
const start = startOf('journal-a');

describe('takeIn', () => {
  test('takes entries that follow, and moves the position to the last of them', () => {
    const taken = takeIn(start, 'journal-a', [first, second]);
    assert.deepEqual(taken, { accepted: [first, second], received: positionAfter(second) });
  });

  test('duplicates change nothing, alone or before what is new', () => {
    const received = positionAfter(second);
    assert.deepEqual(takeIn(received, 'journal-a', [first, second]), { accepted: [], received });
    assert.deepEqual(takeIn(received, 'journal-a', [second, third]).accepted, [third]);
  });

  test('a gap is not skipped: what is before it is taken, what is after it is not', () => {
    const taken = takeIn(start, 'journal-a', [first, third]);
    assert.deepEqual(taken, { accepted: [first], received: positionAfter(first), problem: 'gap' });
  });

  test('entries in the wrong order are a gap', () => {
    assert.deepEqual(takeIn(start, 'journal-a', [second, first]), {
      accepted: [],
      received: start,
      problem: 'gap',
    });
  });

  test('an entry whose hash does not follow is refused', () => {
    const changed = { ...second, soft: !second.soft };
    const taken = takeIn(start, 'journal-a', [first, changed, third]);
    assert.deepEqual(taken.problem, 'chain');
    assert.deepEqual(taken.received, positionAfter(first));
  });

  test('the same numbers of another history are refused', () => {
    const [, fork] = chain([{ selectors: [everything] }, {}]);
    assert.equal(takeIn(positionAfter(first), 'journal-a', fork ? [fork] : []).problem, 'chain');
  });

  test('entries of another journal are refused as a whole', () => {
    assert.deepEqual(takeIn(start, 'journal-b', [first]).problem, 'identity');
  });

  test('whatever is repeated, lost or reordered: what is accepted is the journal from its start', () => {
    const journal = entries(8);
    const arrival = fc.array(fc.array(fc.constantFrom(...journal), { maxLength: 5 }));
    fc.assert(
      fc.property(arrival, (batches) => {
        let received = start;
        const accepted: JournalEntry[] = [];
        for (const batch of batches) {
          const taken = takeIn(received, 'journal-a', batch);
          received = taken.received;
          accepted.push(...taken.accepted);
        }
        assert.deepEqual(accepted, journal.slice(0, accepted.length));
        assert.equal(received.seq, accepted.length);
      }),
    );
  });
});

describe('positions and sizes', () => {
  test('a position has reached another of its own journal only', () => {
    assert.ok(hasReached(positionAfter(second), positionAfter(second)));
    assert.ok(!hasReached(positionAfter(first), positionAfter(second)));
    assert.ok(!hasReached(positionAfter(third, 'journal-b'), positionAfter(second)));
    assert.ok(!hasReached(null, start));
  });

  test('an entry is weighed by the text of its selectors', () => {
    const weight = (selectors: JournalEntry['selectors']) =>
      entryBytes({ ...first, selectors, scope: ['a.test'] });
    const long = 'http://a.test/'.padEnd(1000, 'x');
    assert.ok(weight([url(long), prefix(long)]) > 2000);
    assert.ok(weight([tag('x'), everything]) < 500);
  });
});
