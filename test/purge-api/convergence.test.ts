import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAckLog, maxAcknowledgements } from '../../purge-api/ack-log.ts';
import {
  convergedThrough,
  judgeConvergence,
  type NodeProgress,
} from '../../purge-api/convergence.ts';

const at = (seq: number, identity = 'journal-a') => ({ identity, seq, hash: `h${seq}` });
const entry = { seq: 5, atMs: 10_000 };
const head = at(9);

function progress(node: string, options: Partial<NodeProgress> = {}): NodeProgress {
  return {
    node,
    role: 'edge',
    isConnected: true,
    acknowledged: at(9),
    acknowledgements: [
      { seq: 4, appliedAtMs: 9000, receivedAtMs: 9001 },
      { seq: 7, appliedAtMs: 10_020, receivedAtMs: 10_030 },
      { seq: 9, appliedAtMs: 20_000, receivedAtMs: 20_001 },
    ],
    isQuarantined: false,
    hasRival: false,
    unreachableSinceMs: null,
    hasSaidGoodbye: false,
    matched: () => undefined,
    ...options,
  };
}

describe('convergence', () => {
  test('has converged when all nodes have acknowledged it; the evidence is the first acknowledgement that covers it', () => {
    const judged = judgeConvergence(entry, head, [progress('par', { matched: () => 3 })]);
    assert.deepEqual(judged, {
      status: 'converged',
      convergedInMs: 30,
      nodes: [
        {
          node: 'par',
          role: 'edge',
          cursor: at(9),
          appliedAt: '1970-01-01T00:00:10.020Z',
          matched: 3,
          quarantined: false,
          state: 'acknowledged',
          unreachableSince: null,
          reason: null,
        },
      ],
    });
  });

  test('is pending while one node, connected or not, has not acknowledged it', () => {
    const behind = progress('tyo', { acknowledged: at(4) });
    const gone = progress('nyc', { acknowledged: null, isConnected: false });
    const judged = judgeConvergence(entry, head, [progress('par'), behind, gone]);
    assert.deepEqual([judged.status, judged.convergedInMs], ['pending', null]);
    assert.deepEqual(
      judged.nodes.map(({ state, appliedAt }) => [state, appliedAt !== null]),
      [
        ['acknowledged', true],
        ['behind', false],
        ['unreachable', false],
      ],
    );
  });

  test('a node that is away but has acknowledged it counts', () => {
    const away = progress('par', { isConnected: false });
    assert.equal(judgeConvergence(entry, head, [away]).status, 'converged');
  });

  test('numbers of another journal are no acknowledgement, however high', () => {
    const other = progress('par', { acknowledged: at(99, 'journal-b') });
    assert.equal(judgeConvergence(entry, head, [other]).status, 'pending');
    assert.equal(convergedThrough(head, [other]), -1);
    assert.equal(convergedThrough(at(99, 'journal-b'), [other]), 99);
  });

  test('at exactly its number a node has acknowledged it; one below it has not', () => {
    assert.equal(convergedThrough(head, [progress('par', { acknowledged: at(5) })]), 5);
    for (const [seq, status] of [
      [5, 'converged'],
      [4, 'pending'],
    ] as const) {
      const node = progress('par', { acknowledged: at(seq) });
      assert.equal(judgeConvergence(entry, head, [node]).status, status);
    }
  });

  test('how long it took is told only when every time is known', () => {
    const unknown = progress('tyo', {
      acknowledgements: [{ seq: 9, appliedAtMs: null, receivedAtMs: null }],
    });
    const judged = judgeConvergence(entry, head, [progress('par'), unknown]);
    assert.deepEqual([judged.status, judged.convergedInMs], ['converged', null]);
    assert.equal(judged.nodes[1]?.appliedAt, null);
  });
});

describe('the acknowledgements of a node', () => {
  test('an older one than the last changes nothing', () => {
    const log = createAckLog();
    log.acknowledge(at(5), 1, 2);
    log.acknowledge(at(3), 3, 4);
    assert.deepEqual([log.position, log.acknowledgements.length], [at(5), 1]);
  });

  test('a hello keeps what was acknowledged up to it, with its times', () => {
    const log = createAckLog();
    log.acknowledge(at(3), 1, 2);
    log.acknowledge(at(5), 3, 4);
    log.begin(at(5));
    assert.deepEqual(
      log.acknowledgements.map(({ seq, appliedAtMs }) => [seq, appliedAtMs]),
      [
        [3, 1],
        [5, 3],
      ],
    );
  });

  test('a hello below the last acknowledgement takes that back: a node may roll back in a power cut', () => {
    const log = createAckLog();
    log.acknowledge(at(3), 1, 2);
    log.acknowledge(at(5), 3, 4);
    log.begin(at(4));
    assert.deepEqual(log.position, at(4));
    assert.deepEqual(log.acknowledgements, [
      { seq: 3, appliedAtMs: 1, receivedAtMs: 2 },
      { seq: 4, appliedAtMs: null, receivedAtMs: null },
    ]);
  });

  test('a hello above it is an acknowledgement whose time is not known', () => {
    const log = createAckLog();
    log.begin(at(4));
    assert.deepEqual(log.acknowledgements, [{ seq: 4, appliedAtMs: null, receivedAtMs: null }]);
    log.begin(null);
    assert.deepEqual([log.position, log.acknowledgements], [null, []]);
  });

  test('those of another journal do not count; a reset takes all back', () => {
    const log = createAckLog();
    log.acknowledge(at(9, 'journal-b'), 1, 2);
    log.acknowledge(at(2), 3, 4);
    assert.deepEqual([log.position, log.acknowledgements.length], [at(2), 1]);
    log.clear();
    assert.deepEqual([log.position, log.acknowledgements], [null, []]);
  });

  test('the history is bounded; what is forgotten stays acknowledged, without its time', () => {
    const log = createAckLog();
    for (let seq = 1; seq <= maxAcknowledgements + 1; seq += 1) log.acknowledge(at(seq), 1, 2);
    assert.ok(log.acknowledgements.length <= maxAcknowledgements);
    assert.equal(log.acknowledgements[0]?.appliedAtMs, null);
    const node = progress('par', {
      acknowledged: log.position,
      acknowledgements: log.acknowledgements,
    });
    const judged = judgeConvergence({ seq: 1, atMs: 0 }, head, [node]);
    assert.deepEqual([judged.status, judged.convergedInMs], ['converged', null]);
  });
});
