/** The judge of histories: a right one passes, and a hand-made wrong one is refused for each rule. A judge that cannot refuse is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { History, Purge, Read } from './history.ts';
import { judge, type Rule } from './judge.ts';

const url = 'www.shop.test/a';
const promised = { quarantineRevalidateMs: 1000 };
const head = { identity: 'j', seq: 2, hash: 'h2' };

/** Version 2 from 100 on; purged at 110, acknowledged by par at 120, converged at 130. A soft purge of version 3 later. */
const hard: Purge = {
  id: 'p1',
  seq: 1,
  soft: false,
  matches: [url],
  sentAtMs: 110,
  acceptedAtMs: 115,
  convergedAtMs: 130,
  quarantined: [],
  acknowledged: [{ node: 'par', atMs: 120 }],
};
const soft: Purge = {
  ...hard,
  id: 'p2',
  seq: 2,
  soft: true,
  sentAtMs: 5010,
  acceptedAtMs: 5015,
  convergedAtMs: 5030,
  acknowledged: [{ node: 'par', atMs: 5020 }],
};

const read = (begunAtMs: number, version: number, more: Partial<Read> = {}): Read => ({
  node: 'par',
  url,
  begunAtMs,
  endedAtMs: begunAtMs + 5,
  versions: [version],
  isStale: false,
  isUnvalidated: false,
  cacheStatus: '',
  ...more,
});
const sighting = (begunAtMs: number, seq: number, isReady = true) => ({
  node: 'par',
  begunAtMs,
  endedAtMs: begunAtMs + 5,
  isReady,
  seq,
});

/** A history that keeps every promise. */
function right(): History {
  return {
    changes: [
      { url, version: 1, atMs: 0 },
      { url, version: 2, atMs: 100 },
      { url, version: 3, atMs: 5000 },
    ],
    purges: [hard, soft],
    reads: [
      read(50, 1),
      // Begun before anybody had heard of the purge.
      read(119, 1, { endedAtMs: 400 }),
      read(125, 1, { node: 'nyc' }),
      read(131, 2),
      read(131, 2, { node: 'nyc' }),
      // Stale, and said to be.
      read(5040, 2, { isStale: true }),
      read(5050, 3),
    ],
    sightings: [sighting(60, 0), sighting(140, 1), sighting(5060, 2), sighting(5070, 0, false)],
    starts: [{ node: 'par', atMs: 10, how: 'first' }],
    end: {
      head,
      positions: { par: head, nyc: head },
      entries: [
        { seq: 1, id: 'p1' },
        { seq: 2, id: 'p2' },
      ],
    },
  };
}

const rulesOf = (history: History) => [
  ...new Set(judge(history, promised).map(({ rule }) => rule)),
];

test('a history that keeps every promise is not refused', () => {
  assert.deepEqual(judge(right(), promised), []);
});

describe('refused:', () => {
  const wrong: [string, Rule, (history: History) => unknown][] = [
    [
      'a read begun after converged that returns bytes from before, at a node that said nothing',
      'converged',
      ({ reads }) => reads.push(read(131, 1, { node: 'nyc' })),
    ],
    [
      'the same as stale: a hard purge forbids that too',
      'converged',
      ({ reads }) => reads.push(read(131, 1, { node: 'nyc', isStale: true })),
    ],
    [
      'a soft-purged response that is served as fresh',
      'converged',
      ({ reads }) => reads.push(read(5040, 2, { node: 'nyc' })),
    ],
    [
      'a match from before at a node that has acknowledged, though the purge is still pending',
      'acknowledged',
      ({ reads }) => reads.push(read(121, 1)),
    ],
    [
      'the same after a restart of the node',
      'restart',
      ({ reads, starts, purges }) => {
        purges[0] = { ...hard, convergedAtMs: null };
        starts.push({ node: 'par', atMs: 200, how: 'SIGKILL' });
        reads.push(read(300, 1));
      },
    ],
    [
      'a quarantined node that serves bytes older than quarantineRevalidate',
      'quarantined',
      ({ reads, purges }) => {
        purges[0] = { ...hard, quarantined: ['nyc'] };
        reads.push(read(1131, 1, { node: 'nyc' }));
      },
    ],
    [
      'the same as stale, without saying that it could not be validated',
      'quarantined',
      ({ reads, purges }) => {
        purges[0] = { ...hard, quarantined: ['nyc'] };
        reads.push(read(1131, 1, { node: 'nyc', isStale: true }));
      },
    ],
    [
      'a node that has acknowledged, and serves it all the same because the origin fails',
      'acknowledged',
      ({ reads }) => reads.push(read(121, 1, { isStale: true, isUnvalidated: true })),
    ],
    ['a 202 that is not in the journal', 'accepted', ({ end }) => end.entries.pop()],
    [
      'a 202 whose number the journal has given to another purge',
      'accepted',
      ({ end }) => end.entries.splice(0, 1, { seq: 1, id: 'another' }),
    ],
    [
      'a node that is ready behind what it has acknowledged',
      'behind',
      ({ sightings, purges }) => {
        purges[0] = { ...hard, convergedAtMs: null };
        sightings.push(sighting(140, 0));
      },
    ],
    [
      'a node that is ready before it has what was accepted before it started',
      'ready',
      ({ sightings, starts, purges }) => {
        purges[0] = { ...hard, convergedAtMs: null, acknowledged: [] };
        starts.push({ node: 'par', atMs: 200, how: 'SIGKILL' });
        sightings.push(sighting(300, 0));
      },
    ],
    [
      'a node that is ready without what converged while it was quarantined',
      'ready',
      ({ sightings, purges }) => {
        purges[0] = { ...hard, acknowledged: [], quarantined: ['par'] };
        sightings.push(sighting(300, 0));
      },
    ],
    [
      'a node that does not reach the head after everything has healed',
      'heals',
      ({ end }) => Object.assign(end.positions, { nyc: { ...head, seq: 1 } }),
    ],
    [
      'a node that follows another journal, or none',
      'heals',
      ({ end }) => Object.assign(end.positions, { nyc: null }),
    ],
    [
      'nodes that have applied something else under the same number',
      'same-state',
      ({ end }) => Object.assign(end.positions, { nyc: { ...head, hash: 'other' } }),
    ],
    [
      'a body of two versions',
      'body',
      ({ reads }) => reads.push(read(5060, 3, { versions: [2, 3] })),
    ],
    ['a version that the origin has not had yet', 'body', ({ reads }) => reads.push(read(60, 2))],
  ];
  for (const [what, rule, change] of wrong) {
    test(what, () => {
      const history = right();
      change(history);
      assert.ok(rulesOf(history).includes(rule), `refused for: ${rulesOf(history)}`);
    });
  }
});

describe('not refused:', () => {
  const fine: [string, (history: History) => unknown][] = [
    [
      'a quarantined node within quarantineRevalidate',
      ({ reads, purges }) => {
        purges[0] = { ...hard, quarantined: ['nyc'] };
        reads.push(read(1129, 1, { node: 'nyc' }));
      },
    ],
    [
      'a quarantined node that says that it could not validate',
      ({ reads, purges }) => {
        purges[0] = { ...hard, quarantined: ['nyc'] };
        reads.push(read(1131, 1, { node: 'nyc', isStale: true, isUnvalidated: true }));
      },
    ],
    [
      'a purge that got no answer and is not in the journal',
      ({ purges }) => {
        purges.push({ ...hard, id: null, seq: null, acceptedAtMs: null, convergedAtMs: null });
      },
    ],
    [
      'a sighting that spans a restart',
      ({ sightings, starts }) => {
        starts.push({ node: 'par', atMs: 142, how: 'SIGKILL' });
        sightings.push(sighting(140, 0));
      },
    ],
    ['another URL', ({ reads }) => reads.push(read(131, 0, { url: 'www.shop.test/b' }))],
  ];
  for (const [what, change] of fine) {
    test(what, () => {
      const history = right();
      change(history);
      assert.deepEqual(judge(history, promised), []);
    });
  }
});
