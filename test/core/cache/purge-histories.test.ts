/**
 * Random histories over two edges, a shield and an origin: purges that reach the nodes at different times, slow origins,
 * journals that take over. Whatever the order, a read begun at a position returns nothing from before it (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { handle } from '../../../core/cache/handle.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { splitTierFields } from '../../../core/upstream/tier-fields.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import type { FakeCall } from '../../support/fake-upstream.ts';

/** One line of the history that every node follows. */
type Line =
  | { kind: 'purge'; by: 'tag' | 'url' | 'everything' | 'other'; soft: boolean; version: number }
  | { kind: 'reset'; identity: string; version: number };

type Edge = 'par' | 'nyc';

type Step =
  | { do: 'read'; edge: Edge }
  | { do: 'purge'; by: 'tag' | 'url' | 'everything' | 'other'; soft: boolean }
  | { do: 'reset' }
  /** `isSeen`: the worker takes it at once, and not only with its next read. */
  | { do: 'follow'; node: Edge | 'shield'; isSeen: boolean }
  | { do: 'release'; which: number }
  | { do: 'wait'; ms: number };

const path = '/page';
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      edge: fc.constantFrom<Edge[]>('par', 'nyc'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('purge' as const),
      by: fc.constantFrom('tag', 'url', 'everything', 'other'),
      soft: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'reset' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('follow' as const),
      node: fc.constantFrom<(Edge | 'shield')[]>('par', 'nyc', 'shield'),
      isSeen: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat({ max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(5, 300, 4000) }),
  },
);

/** What a node has followed, and which versions a read begun there now may see. */
interface Follower {
  engine: TestEngine;
  followed: number;
  oldest: number;
  oldestFresh: number;
}

function follow(node: Follower, lines: readonly Line[]): void {
  const line = lines[node.followed];
  if (!line) return;
  node.followed += 1;
  if (line.kind === 'reset') node.engine.journal.reset(line.identity);
  else node.engine.journal.purge([selectorOf(line.by)], { soft: line.soft });
  if (line.kind === 'purge' && line.by === 'other') return;
  if (line.kind === 'reset' || !line.soft) node.oldest = line.version;
  node.oldestFresh = line.version;
}

function selectorOf(by: 'tag' | 'url' | 'everything' | 'other') {
  if (by === 'tag') return { kind: 'tag', tag: 'page' } as const;
  if (by === 'other') return { kind: 'tag', tag: 'other' } as const;
  if (by === 'url') return { kind: 'url', url: `http://www.demo.test${path}` } as const;
  return { kind: 'everything' } as const;
}

/** The edge's request goes to the shield over a real socket, as it would between machines. */
function forward(port: number, call: FakeCall): void {
  const { method, host, pathAndQuery, headers, tierHeaders } = call.request;
  const fields = [...headers, ...tierHeaders, 'breakwater-tier', 'par ok', 'Host', host];
  request({ port, method, path: pathAndQuery, headers: fields, agent: false }, async (response) => {
    let body = '';
    for await (const piece of response) body += piece;
    const split = splitTierFields(response.rawHeaders);
    call.respond({
      status: response.statusCode ?? 0,
      headers: split.headers,
      body,
      tier: 'shield',
      tierHeaders: Object.fromEntries(split.tierHeaders),
    });
  })
    .on('error', () => call.fail())
    .end();
}

/** Sockets and both engines come to rest: nothing moves any more without another step. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await settle();
}

interface Origin {
  version: number;
  pending: { call: FakeCall; version: number }[];
}

function release(origin: Origin, which: number, cacheControl: string): void {
  const [taken] = origin.pending.splice(which % Math.max(1, origin.pending.length), 1);
  if (!taken) return;
  const { call, version } = taken;
  const etag = `"${version}"`;
  const headers = ['Cache-Control', cacheControl, 'Surrogate-Key', 'page', 'ETag', etag];
  if (call.field('if-none-match') === etag) call.respond({ status: 304, headers });
  else call.respond({ headers, body: String(version) });
}

async function read(edge: Follower, history: string): Promise<void> {
  const { oldest, oldestFresh, engine } = edge;
  const { answer, body } = await engine.fetch(path);
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return;
  const version = Number(body);
  const isFresh = outcomeOf(answer, engine.clock.nowMs()).staleSinceMs === undefined;
  assert.ok(version >= oldest, `${version} after a hard purge of all before ${oldest}; ${history}`);
  assert.ok(
    !isFresh || version >= oldestFresh,
    `${version} as fresh after a purge of all before ${oldestFresh}; ${history}`,
  );
}

async function run(server: Server, steps: readonly Step[], cacheControl: string): Promise<void> {
  const newFollower = (role: 'edge' | 'shield'): Follower => ({
    engine: createTestEngine({ role }),
    followed: 0,
    oldest: 0,
    oldestFresh: 0,
  });
  const nodes = {
    par: newFollower('edge'),
    nyc: newFollower('edge'),
    shield: newFollower('shield'),
  };
  const engines = Object.values(nodes).map(({ engine }) => engine);
  const origin: Origin = { version: 0, pending: [] };
  const lines: Line[] = [];
  const reads: Promise<void>[] = [];
  server.removeAllListeners('request');
  server.on('request', (req, res) => void handle(nodes.shield.engine.handle, req, res));
  const { port } = server.address() as AddressInfo;
  for (const edge of [nodes.par, nodes.nyc]) {
    edge.engine.upstream.script = (call) => forward(port, call);
  }
  nodes.shield.engine.upstream.script = (call) =>
    void origin.pending.push({ call, version: origin.version });
  const pass = async (ms: number) => {
    await Promise.all(engines.map(({ clock }) => clock.advance(ms)));
  };
  const history = JSON.stringify(steps);
  for (const now of steps) {
    if (now.do === 'read') reads.push(read(nodes[now.edge], history));
    else if (now.do === 'follow') {
      follow(nodes[now.node], lines);
      if (now.isSeen) nodes[now.node].engine.journal.purges.sync();
    } else if (now.do === 'release') release(origin, now.which, cacheControl);
    else if (now.do === 'wait') await pass(now.ms);
    else {
      origin.version += 1;
      const { version } = origin;
      if (now.do === 'reset')
        lines.push({ kind: 'reset', identity: `journal-${version}`, version });
      else lines.push({ kind: 'purge', by: now.by, soft: now.soft, version });
    }
    await rest();
  }
  let areDone = false;
  const done = Promise.all(reads).finally(() => {
    areDone = true;
  });
  done.catch(() => {});
  while (!areDone) {
    release(origin, 0, cacheControl);
    await pass(300);
    await rest();
  }
  await done;
}

test('no read returns what was purged before it began, and nothing soft-purged as fresh', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const policies = ['max-age=60', 'max-age=2, stale-while-revalidate=60', 'max-age=3'];
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40 }),
        fc.constantFrom(...policies),
        (steps, cacheControl) => run(server, steps, cacheControl),
      ),
      { numRuns: Number(process.env.HISTORIES ?? 60) },
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
