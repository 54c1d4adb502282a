import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { createKeySpace } from '../../../core/cache/key.ts';
import { createPublicPurge, type PublicPurge } from '../../../core/cache-node/public-purge.ts';
import type { FromWorker } from '../../../core/cache-node/worker-messages.ts';
import { type ControlResponse, controlRequest } from '../../../core/runtime/http-client.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { siteWith } from '../../support/sites.ts';

const tokens = [
  { name: 'deploy', secret: 'right', hosts: ['www.demo.test'] },
  { name: 'other', secret: 'elsewhere', hosts: ['other.test'] },
  { name: 'all', secret: 'any', hosts: ['*'] },
];

interface Purging {
  purge: PublicPurge;
  clock: FakeClock;
  told: FromWorker[];
  ask(
    token: string | undefined,
    more?: { host?: string; path?: string; soft?: string },
  ): Promise<ControlResponse>;
  /** Resolves when so many purges have been told to the main thread. */
  untilTold(count: number): Promise<void>;
}

async function purging(t: TestContext): Promise<Purging> {
  const clock = createFakeClock();
  const told: FromWorker[] = [];
  let change = Promise.withResolvers<void>();
  const keySpace = createKeySpace([
    siteWith({ purgeMethod: true }),
    siteWith({ hosts: ['closed.test'] }),
  ]);
  const purge = createPublicPurge(
    {
      clock,
      keySpace: () => keySpace,
      tell(message) {
        told.push(message);
        change.resolve();
        change = Promise.withResolvers();
      },
    },
    tokens,
  );
  const server = createServer(async (req, res) => {
    if (!(await purge.answer(req, res))) res.writeHead(404).end();
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  return {
    purge,
    clock,
    told,
    ask: (token, { host = 'www.demo.test', path = '/a?b=1', soft } = {}) =>
      controlRequest(`http://127.0.0.1:${port}${path}`, {
        method: 'PURGE',
        headers: {
          host,
          ...(token ? { authorization: token } : {}),
          ...(soft ? { 'breakwater-soft-purge': soft } : {}),
        },
        timeoutMs: 5000,
      }),
    async untilTold(count) {
      while (told.length < count) await change.promise;
    },
  };
}

test('a purge with its token goes to the journal, and is answered with its number', async (t) => {
  const { purge, told, ask, untilTold } = await purging(t);
  const asking = ask('Bearer right', { host: 'WWW.demo.test:80', soft: '1' });
  await untilTold(1);
  assert.deepEqual(told, [
    { type: 'purge', call: 1, url: 'http://www.demo.test/a?b=1', soft: true, token: 'deploy' },
  ]);
  purge.settle({ type: 'purge-appended', call: 1, ok: true, id: 'p1', seq: 7 });
  const { status, body } = await asking;
  assert.equal(status, 202);
  assert.deepEqual(JSON.parse(body.toString()), { id: 'p1', seq: 7, status: 'pending' });
});

for (const field of [
  undefined,
  'Bearer wrong',
  'Bearer ',
  'Basic right',
  'right',
  'Bearer right x',
]) {
  test(`"${field}" proves nobody: 401 with how to authenticate (RFC 9110 §11.6.1)`, async (t) => {
    const { told, ask } = await purging(t);
    const { status, headers } = await ask(field);
    assert.deepEqual([status, headers['www-authenticate'], told], [401, 'Bearer', []]);
  });
}

test('a token for other hosts is 403, one for all hosts is not', async (t) => {
  const { purge, told, ask, untilTold } = await purging(t);
  const { status, headers } = await ask('Bearer elsewhere');
  assert.deepEqual([status, headers['content-type'], told], [403, 'application/problem+json', []]);
  const asking = ask('Bearer any');
  await untilTold(1);
  purge.settle({ type: 'purge-appended', call: 1, ok: true, id: 'p1', seq: 1 });
  assert.equal((await asking).status, 202);
});

test('a site that does not take the method, or an unknown host, is nothing of its business', async (t) => {
  const { told, ask } = await purging(t);
  const statuses = await Promise.all(
    ['closed.test', 'unknown.test', 'a b'].map(
      async (host) => (await ask('Bearer any', { host })).status,
    ),
  );
  assert.deepEqual([statuses, told], [[404, 404, 404], []]);
});

test('what the journal refuses is 503 with its reason', async (t) => {
  const { purge, ask, untilTold } = await purging(t);
  const asking = ask('Bearer right');
  await untilTold(1);
  purge.settle({
    type: 'purge-appended',
    call: 1,
    ok: false,
    problem: 'purge-api is not connected',
  });
  const { status, body } = await asking;
  assert.equal(status, 503);
  assert.match(body.toString(), /purge-api is not connected/);
});

test('an answer that does not come within 6 s is 503; when it comes later nothing happens', async (t) => {
  const { purge, clock, ask, untilTold } = await purging(t);
  const asking = ask('Bearer right');
  await untilTold(1);
  await clock.advance(5999);
  assert.equal(clock.pending, 1);
  await clock.advance(1);
  assert.equal((await asking).status, 503);
  purge.settle({ type: 'purge-appended', call: 1, ok: true, id: 'p1', seq: 1 });
  assert.equal(clock.pending, 0);
});

test('tokens follow a reload', async (t) => {
  const { purge, ask, untilTold } = await purging(t);
  purge.updateTokens([{ name: 'new', secret: 'fresh', hosts: ['*'] }]);
  assert.equal((await ask('Bearer right')).status, 401);
  const asking = ask('Bearer fresh');
  await untilTold(1);
  purge.settle({ type: 'purge-appended', call: 1, ok: true, id: 'p1', seq: 1 });
  assert.equal((await asking).status, 202);
});
