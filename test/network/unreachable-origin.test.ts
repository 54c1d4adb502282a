/**
 * The origin cannot be reached (RFC 9111 §4.2.4, §5.2.2.2): what is stored is served stale, unless it must be validated; by an
 * edge alone, through a shield, and by an edge whose shield has nothing.
 */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, type Origin, page, startOrigin } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const gate = createGate();

/** How an origin fails. */
const ways: Record<string, (response: ServerResponse) => unknown> = {
  refused: () => assert.fail('it does not listen'),
  dropped: (response) => response.destroy(),
  cut(response) {
    response.writeHead(200, { 'content-length': 1000, 'cache-control': 'max-age=60' });
    response.flushHeaders();
    response.socket?.end();
  },
  late: () => gate.opened,
};

const origins: Record<string, Origin> = {};
for (const way of [...Object.keys(ways), 'limited', 'elsewhere']) {
  const origin = await startOrigin();
  origins[way] = origin;
  after(() => origin.stop());
}
const originOf = (way: string): Origin => {
  const origin = origins[way];
  if (!origin) throw new Error(`no origin "${way}"`);
  return origin;
};
const hostOf = (way: string) => `${way}.shop.test`;

const network = await startNetwork({
  sites: (last) => [
    { hosts: [siteHost], origins: [{ url: last }] },
    ...Object.entries(origins).map(([way, { url }]) => ({
      hosts: [hostOf(way)],
      origins: [{ url }],
      originFallback: false,
      timeouts: { firstByte: '400ms', betweenBytes: '400ms' },
      ...(way === 'limited' ? { cache: { staleWhenUnreachable: '0s' } } : {}),
    })),
  ],
  // The shield forgets what it has when it is restarted.
  shields: [{ id: 'eu', disk: '0B' }],
  pops: [{ id: 'par', shield: ['eu'] }, { id: 'nyc' }],
});
after(() => gate.open());

/** Whether the origins fail by now. */
let failing = false;
const directives: Record<string, string> = {
  '/plain': 'max-age=1',
  '/must': 'max-age=1, must-revalidate',
  '/proxy': 'max-age=1, proxy-revalidate',
  '/shared': 's-maxage=1',
  '/no-cache': 'no-cache',
};
for (const way of Object.keys(origins)) {
  for (const [path, value] of Object.entries(directives)) {
    const answer = page('stored', { 'cache-control': value, etag: '"1"' });
    originOf(way).on(path, async (request, response) => {
      if (failing && ways[way]) await ways[way](response);
      else await answer(request, response);
    });
  }
}

const ask = (pop: string, way: string, path: string) =>
  network.request(pop, path, { host: hostOf(way) });
const askAll = (pop: string, way: string) =>
  Promise.all(Object.keys(directives).map((path) => ask(pop, way, path)));

/** Stores everything at both PoPs, and waits until it is stale at both tiers. */
async function storeAndAge(): Promise<void> {
  const pops = ['par', 'nyc'];
  for (const way of Object.keys(origins)) {
    // A machine under load may take longer than the site's limit.
    await until(`all of ${way} is stored`, async () => {
      const answers = await Promise.all(pops.map((pop) => askAll(pop, way)));
      return answers.flat().every(({ status }) => status === 200);
    });
  }
  network.origin.on('/last', page('last'));
  await until('what was stored before is stale', async () => {
    const answers = await Promise.all(pops.map((pop) => network.get(pop, '/last')));
    return answers.every(({ header }) => Number(header('age') ?? 0) >= 2);
  });
}

await storeAndAge();

describe('what is stored', () => {
  for (const way of Object.keys(ways)) {
    for (const pop of ['par', 'nyc']) {
      test(`is served stale, or 504 where it must be validated: ${way}, at ${pop}`, async () => {
        failing = true;
        if (way === 'refused') await originOf(way).stop();
        const [plain, ...others] = await askAll(pop, way);
        assert.deepEqual(
          [plain?.status, plain?.text, plain?.header('x-cache')],
          [200, 'stored', 'STALE'],
        );
        assert.match(
          plain?.header('cache-status') ?? '',
          pop === 'par'
            ? /^eu; fwd=stale; ttl=-\d+; detail=upstream-error, par; fwd=stale; fwd-status=\d+; /
            : /^nyc; fwd=stale; ttl=-\d+; detail=upstream-error$/,
        );
        for (const answer of others) {
          assert.deepEqual([answer.status, answer.header('x-cache')], [504, 'ERROR']);
          assert.match(
            answer.header('proxy-status') ?? '',
            pop === 'par'
              ? /^eu; error=\w+; details="unvalidated", par; received-status=504; details="unvalidated"$/
              : /^nyc; error=\w+; details="unvalidated"$/,
          );
        }
      });
    }
  }

  test('is not served stale where the site says so, and what fails is told by its kind', async () => {
    await originOf('limited').stop();
    for (const pop of ['par', 'nyc']) {
      const [plain, must] = await askAll(pop, 'limited');
      assert.deepEqual([plain?.status, must?.status], [502, 504]);
    }
  });
});

describe('an edge whose shield has nothing stored', () => {
  test('serves its own stale response, and does not take the shield’s error for the origin’s', async () => {
    await network.terminate('eu');
    await network.start('eu');
    await originOf('elsewhere').stop();
    const [plain, ...others] = await until('the shield is found again', async () => {
      const answers = await askAll('par', 'elsewhere');
      const told = answers[1]?.header('proxy-status') ?? '';
      return told.startsWith('eu;') ? answers : undefined;
    });
    assert.deepEqual(
      [plain?.status, plain?.text, plain?.header('x-cache')],
      [200, 'stored', 'STALE'],
    );
    assert.match(
      plain?.header('cache-status') ?? '',
      /^par; fwd=stale; fwd-status=502; ttl=-\d+; detail=upstream-error$/,
    );
    for (const answer of others) {
      assert.equal(answer.status, 504, 'the edge’s own copy must be validated');
      assert.match(
        answer.header('proxy-status') ?? '',
        /^eu; error=\w+, par; received-status=502; details="unvalidated"$/,
      );
    }
    const missed = await ask('par', 'elsewhere', '/never');
    assert.equal(missed.status, 502);
    assert.match(
      missed.header('proxy-status') ?? '',
      /^eu; error=(connection_refused|destination_unavailable), par; received-status=502$/,
    );
    assert.ok(!missed.rawHeaders.some((text) => /^breakwater-/i.test(text)));
  });

  test('and a hard purge takes that from it', async () => {
    const purged = await network.purge({ hosts: [hostOf('elsewhere')] });
    assert.equal(purged.status, 'converged');
    for (const { status } of await askAll('par', 'elsewhere')) assert.equal(status, 502);
  });
});
