/** `breakwater explain` from answers as purge-api gave them: the words, the request, the exit code. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type {
  Decision,
  ExplainedResponse,
  NodeExplanation,
} from '../../../core/purge/explanation.ts';
import { CommandError } from '../../../infra/cli/command-error.ts';
import { explanationDetail } from '../../../infra/cli/explain-detail.ts';
import { explanationTable } from '../../../infra/cli/explain-table.ts';
import { decisionText, hitForMissText } from '../../../infra/cli/explain-words.ts';
import { explain } from '../../../infra/cli/verbs/explain.ts';
import { createCapturedTerminal } from '../support/captured-terminal.ts';
import { createContext } from '../support/cli-context.ts';

const url = 'http://www.shop.test/p';
const terminal = createCapturedTerminal();
const atMs = Date.UTC(2026, 10, 21, 1, 36, 23);
const journal = { identity: 'journal-a', seq: 12, hash: 'h' };

const hit: Decision = {
  kind: 'hit',
  cacheStatus: 'par; hit; ttl=41',
  fwd: null,
  detail: null,
  ttlSeconds: 41.8,
  servesOnError: true,
  servesWhenUnreachable: true,
};
const miss: Decision = {
  ...hit,
  kind: 'miss',
  cacheStatus: 'par; fwd=uri-miss',
  fwd: 'uri-miss',
  ttlSeconds: null,
  servesOnError: false,
  servesWhenUnreachable: false,
};
const copy = {
  tier: 'memory' as const,
  worker: 0,
  labelSeq: 12,
  identity: 'journal-a',
  purged: { kind: 'clean' as const },
  ttlSeconds: 41.8,
};

const response = (changes: Partial<ExplainedResponse> = {}): ExplainedResponse => ({
  status: 200,
  part: null,
  bodyBytes: 2048,
  vary: [{ field: 'accept-language', value: 'de' }],
  isSelected: true,
  receivedAtMs: atMs,
  age: { seconds: 18.2, initialSeconds: 3, storedSeconds: 15.2 },
  lifetimeSeconds: 60,
  source: 'max-age',
  staleWhileRevalidateSeconds: 30,
  staleIfErrorSeconds: 86_400,
  flags: { noCache: false, mustRevalidate: false, immutable: false },
  tags: ['a', 'b'],
  etag: '"x"',
  lastModified: null,
  copies: [copy, { ...copy, tier: 'disk', worker: null, labelSeq: 10 }],
  ...changes,
});

const explanation = (changes: Partial<NodeExplanation> = {}): NodeExplanation => {
  const decision = changes.decision === undefined ? hit : changes.decision;
  return {
    node: 'par',
    role: 'edge',
    atMs,
    key: url,
    site: ['www.shop.test'],
    owner: 0,
    workers: 1,
    cursor: journal,
    head: journal,
    isConnected: true,
    decision,
    answers: decision ? [{ worker: 0, decision, hitForMiss: null }] : [],
    stored: [response()],
    ...changes,
  };
};

const detail = (changes: Partial<NodeExplanation> = {}) =>
  explanationDetail(explanation(changes), terminal);
const onlyLine = (lines: string[], name: string) =>
  lines.find((line) => line.startsWith(`  ${name} `))?.slice(2);

describe('one node in detail', () => {
  test('a hit: where it lies, what its freshness is made of, what it is', () => {
    assert.deepEqual(detail(), [
      'http://www.shop.test/p at par (edge)',
      '',
      '  site     www.shop.test',
      '  a GET    HIT, fresh for 41 s',
      '  says     Cache-Status: par; hit; ttl=41',
      '  journal  entry 12 applied, the newest',
      '',
      '200, 2 KiB, received 2026-11-21T01:36:23Z',
      '  variant       accept-language: de',
      '  fresh         for 41 s more: lifetime 60 s (max-age) − age 18 s (3 s when it came + 15 s in store)',
      '  may be stale  30 s while it is refreshed, 86400 s when the upstream fails',
      '  tags          a b',
      '  validators    ETag "x"',
      '  held in       memory of worker 0  valid through entry 12  clean',
      '                disk                valid through entry 10  clean',
    ]);
  });

  test('a soft purge: since when, by which entry; and that it is this that made it stale', () => {
    const purged = { kind: 'soft' as const, seq: 13, sinceMs: atMs };
    const copies = [{ ...copy, purged, ttlSeconds: -4 }];
    const lines = detail({ stored: [response({ copies })] });
    assert.match(
      onlyLine(lines, 'fresh') ?? '',
      /no, stale for 4 s, by a soft purge: lifetime 60 s/,
    );
    assert.match(
      onlyLine(lines, 'held in') ?? '',
      /soft purge, entry 13: stale since 2026-11-21T01:36:23Z$/,
    );
  });

  test('a hard purge: not to be used, however fresh; another journal has no number', () => {
    const copies = [
      { ...copy, purged: { kind: 'hard' as const, seq: 13 } },
      { ...copy, worker: 1, purged: { kind: 'hard' as const, seq: null } },
    ];
    const lines = detail({
      decision: { ...miss, detail: 'purged' },
      stored: [response({ copies })],
    });
    assert.match(onlyLine(lines, 'a GET') ?? '', /MISS, what was stored has been purged$/);
    assert.match(onlyLine(lines, 'fresh') ?? '', /no, purged: lifetime/);
    assert.match(onlyLine(lines, 'held in') ?? '', /hard purge, entry 13: not to be used$/);
    assert.match(lines.at(-1) ?? '', /of another journal: not to be used$/);
  });

  test('workers that would do something else than the owner, and those that are silent, are named', () => {
    const answers = [
      { worker: 0, decision: miss, hitForMiss: null },
      { worker: 1, decision: hit, hitForMiss: null },
    ];
    const lines = detail({ owner: 1, workers: 3, answers });
    assert.deepEqual(
      lines.slice(5, 8).map((line) => line.trim()),
      [
        'worker   1 owns the key, of 3',
        'worker 0: MISS, nothing is stored, and asks worker 1',
        '1 of 3 did not answer in time',
      ],
    );
  });

  test('what is to be validated: what would become of it if the upstream failed', () => {
    const revalidate: Decision = { ...hit, kind: 'revalidate', fwd: 'stale' };
    const onError = (changes: Partial<Decision>) =>
      onlyLine(detail({ decision: { ...revalidate, ...changes } }), 'on error') ?? '';
    assert.match(onError({}), /is served if the upstream fails$/);
    assert.match(
      onError({ servesOnError: false }),
      /is served if the upstream cannot be reached, /,
    );
    const neither = { servesOnError: false, servesWhenUnreachable: false };
    assert.match(onError(neither), /is not served, even if the upstream fails$/);
  });

  test('without a window nothing is stale but where nobody can be reached', () => {
    const none = { staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 0 };
    const flags = { noCache: false, mustRevalidate: false, immutable: false };
    const lines = detail({ stored: [response({ ...none, flags })] });
    assert.match(
      onlyLine(lines, 'may be stale') ?? '',
      /only while the upstream cannot be reached/,
    );
  });

  test('nothing stored: why the last answer was not, and for how long that counts', () => {
    const hitForMiss = { why: 'private', leftSeconds: 100 };
    const decision: Decision = { ...miss, detail: 'hit-for-miss' };
    const lines = detail({ decision, answers: [{ worker: 0, decision, hitForMiss }], stored: [] });
    assert.match(onlyLine(lines, 'a GET') ?? '', /MISS, the response is not for storing/);
    assert.match(
      onlyLine(lines, 'not stored') ?? '',
      /the last answer was private \(private\); requests do not wait for each other for 100 s more/,
    );
    assert.match(onlyLine(lines, 'stored') ?? '', /nothing under this key/);
  });

  test('a node that is behind, cut off, or of another journal says so', () => {
    const journalLine = (changes: Partial<NodeExplanation>) =>
      onlyLine(detail(changes), 'journal')?.replace(/^journal +/, '');
    assert.equal(journalLine({ head: { ...journal, seq: 14 } }), 'entry 12 applied, 2 behind');
    assert.equal(
      journalLine({ isConnected: false }),
      'entry 12 applied, the newest; no connection to purge-api',
    );
    assert.match(journalLine({ head: { ...journal, identity: 'b' } }) ?? '', /of another journal/);
    assert.match(
      journalLine({ cursor: null, head: null }) ?? '',
      /nothing of any journal applied; the newest is not known/,
    );
  });

  test('variants for other requests come last; a field that a request did not have is named', () => {
    const other = response({
      isSelected: false,
      vary: [{ field: 'accept-language', value: null }],
    });
    const lines = detail({ stored: [other, response()] });
    const titles = lines.filter((line) => line.startsWith('200'));
    assert.deepEqual(
      titles.map((line) => line.endsWith(', for other requests')),
      [false, true],
    );
    assert.ok(lines.includes('  variant       without accept-language'));
  });

  test('flags, missing validators and many tags', () => {
    const flags = { noCache: true, mustRevalidate: true, immutable: true };
    const tags = Array.from({ length: 25 }, (_, i) => `t${i}`);
    const stored = [
      response({ flags, tags, etag: null, staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 0 }),
    ];
    const lines = detail({ stored });
    assert.match(onlyLine(lines, 'flags') ?? '', /no-cache: .*must-revalidate: .*immutable: /);
    assert.match(onlyLine(lines, 'tags') ?? '', /t0 .* t19 and 5 more$/);
    assert.match(onlyLine(lines, 'validators') ?? '', /none/);
    assert.match(onlyLine(lines, 'may be stale') ?? '', /never$/);
  });
});

describe('all nodes', () => {
  test('a line each, PoPs first; a node without an answer says why', () => {
    const eu = explanation({ node: 'eu', role: 'shield', decision: miss, stored: [] });
    const lines = explanationTable(
      {
        url,
        nodes: [
          { node: 'eu', role: 'shield', ok: true, explanation: eu },
          { node: 'par', role: 'edge', ok: true, explanation: explanation() },
          { node: 'tyo', role: 'edge', ok: false, problem: 'no answer within 3000 ms' },
        ],
      },
      terminal,
    );
    assert.deepEqual(lines, [
      'http://www.shop.test/p',
      '',
      'NODE  ROLE    HOLDS    STORED IN     AGE   APPLIED  A GET WOULD BE',
      'par   edge    200      memory, disk  18 s  12       HIT, fresh for 41 s',
      'tyo   edge                                          no answer within 3000 ms',
      'eu    shield  nothing                      12       MISS, nothing is stored',
      '',
      '--pop ID shows one of them in detail.',
    ]);
  });
});

test('every disposition has words of its own', () => {
  const texts = [
    hit,
    miss,
    { ...miss, fwd: 'vary-miss' },
    { ...hit, kind: 'stale' as const, ttlSeconds: -3, detail: 'revalidating' },
    { ...hit, kind: 'stale' as const, ttlSeconds: -3, detail: 'max-stale' },
    { ...hit, kind: 'revalidate' as const, fwd: 'stale' },
    { ...hit, kind: 'revalidate' as const, fwd: 'request' },
    { ...miss, kind: 'pass' as const, fwd: 'request', detail: 'no-store' },
    { ...miss, kind: 'only-if-cached' as const },
    null,
  ].map(decisionText);
  assert.equal(new Set(texts).size, texts.length);
  assert.equal(texts[3], 'STALE for 3 s, served while it is refreshed in the background');
  assert.match(hitForMissText({ why: 'new-reason', leftSeconds: 1 }), /^new-reason \(new-reason\)/);
});

describe('the command', () => {
  /** A purge API with one answer for everything. */
  async function run(status: number, answer: object, more: { pop?: string; json?: boolean } = {}) {
    const bodies: unknown[] = [];
    const server = createServer(async (request, reply) => {
      let body = '';
      for await (const part of request) body += part;
      bodies.push([request.method, request.url, JSON.parse(body)]);
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const context = createContext();
    const options = { json: false, header: ['Accept-Language: de'], ...more, api, token: 'secret' };
    const code = await explain(context, url, options).finally(() => server.close());
    return { code, bodies, out: context.terminal.out };
  }
  const answered = {
    url,
    nodes: [{ node: 'par', role: 'edge', ok: true, explanation: explanation() }],
  };

  test('asks for all nodes, or for one with --pop, with the fields of --header', async () => {
    const headers = { 'Accept-Language': 'de' };
    const all = await run(200, answered);
    assert.deepEqual(all.bodies, [['POST', '/v1/explain', { url, headers }]]);
    assert.match(all.out.join('\n'), /NODE +ROLE/);
    const one = await run(200, answered, { pop: 'par' });
    assert.deepEqual(one.bodies, [['POST', '/v1/explain', { url, headers, node: 'par' }]]);
    assert.equal(one.out[0], 'http://www.shop.test/p at par (edge)');
    assert.equal(one.code, 0);
  });

  test('--json is the answer itself, on one line', async () => {
    const { out } = await run(200, answered, { json: true });
    assert.equal(out.length, 1);
    assert.deepEqual(JSON.parse(out[0] ?? ''), answered);
  });

  test('exit code 1 when no node has answered; its reason is shown', async () => {
    const nodes = [{ node: 'par', role: 'edge', ok: false, problem: 'not connected' }];
    const { code, out } = await run(200, { url, nodes }, { pop: 'par' });
    assert.equal(code, 1);
    assert.match(out.join('\n'), /par +edge +not connected/);
  });

  test('a refusal is told in the words of purge-api', async () => {
    const problem = { title: 'The token is limited to other hosts', detail: 'not of a.test' };
    await assert.rejects(
      run(403, problem),
      (error) => error instanceof CommandError && /limited to other hosts/.test(error.message),
    );
  });

  test('what is no URL, or no header field, is wrong usage, and nobody is asked', async () => {
    const options = { json: false, header: [] as string[], api: 'http://127.0.0.1:1', token: 't' };
    const isUsage = (error: unknown) => error instanceof CommandError && error.exitCode === 2;
    await assert.rejects(explain(createContext(), '/p', options), isUsage);
    await assert.rejects(
      explain(createContext(), url, { ...options, header: ['no colon'] }),
      isUsage,
    );
  });
});
