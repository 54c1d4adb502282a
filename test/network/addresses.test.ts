/**
 * The same file on several machines: every node has its own folder and finds the others by what the file says alone. Here the
 * machines are loopback addresses; listeners are wildcards, and `reach` says how to come to them.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { clientIn, newYork, paris, siteHost } from '../support/network/config.ts';
import { addressesIn, askByUdp } from '../support/network/dns-client.ts';
import { prepareNetwork, startNetwork } from '../support/network/network.ts';
import { counted } from '../support/network/origin.ts';
import { freePorts, holdPort } from '../support/network/ports.ts';
import { until } from '../support/network/until.ts';

const [par = 0, nyc = 0, eu = 0, purge = 0, dns = 0] = await freePorts(5);
const network = await startNetwork({
  apart: true,
  pops: [
    {
      id: 'par',
      shield: ['eu'],
      location: paris,
      listen: `0.0.0.0:${par}`,
      reach: `127.0.0.2:${par}`,
      advertise: ['127.0.0.2'],
    },
    {
      id: 'nyc',
      shield: ['eu'],
      location: newYork,
      listen: `127.0.0.3:${nyc}`,
      advertise: ['127.0.0.3'],
    },
  ],
  shields: [{ id: 'eu', listen: `0.0.0.0:${eu}`, reach: `127.0.0.4:${eu}` }],
  purge: { listen: `0.0.0.0:${purge}`, reach: `127.0.0.5:${purge}` },
  // Not a wildcard: a datagram from there would leave with the machine's first address, and resolvers would not take it.
  dns: { listen: `127.0.0.6:${dns}` },
});

test('nodes find each other, serve through the shield and purge together', async () => {
  network.origin.on('/page', counted('page'));
  const first = await network.get('par', '/page');
  const second = await network.get('nyc', '/page');
  assert.match(first.header('cache-status') ?? '', /^eu; fwd=uri-miss;.*, par; fwd=uri-miss;/);
  assert.match(second.header('cache-status') ?? '', /^eu; hit;.*, nyc; fwd=uri-miss;/);
  const purged = await network.purge({ urls: [`http://${siteHost}/page`] });
  assert.equal(purged.status, 'converged');
  assert.equal((await network.get('nyc', '/page')).text, 'page 2');
});

test('a client comes by the address that DNS hands out, and may name the port of reach in Host', async () => {
  const query = { name: siteHost, type: 'A', subnet: clientIn.paris } as const;
  const server = `http://127.0.0.6:${dns}`;
  await until('the name server has found the PoP', async () => {
    return addressesIn(await askByUdp(server, query)).join() === '127.0.0.2';
  });
  const answer = await fetch(`http://127.0.0.2:${par}/.well-known/breakwater/node`);
  assert.equal(((await answer.json()) as { node: string }).node, 'par');
  const named = await network.request('par', '/page', { host: `${siteHost}:${par}` });
  assert.equal(named.status, 200);
});

describe('a node that cannot start says why in one line, and what to do', () => {
  test('an address that is in use, whichever it is', async (t) => {
    const held = await Promise.all([holdPort(), holdPort(), holdPort()]);
    const datagrams = createSocket('udp4');
    await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve));
    t.after(() => {
      datagrams.close();
      return Promise.all(held.map(({ release }) => release()));
    });
    const [first, second, third] = held.map(({ port }) => `127.0.0.1:${port}`);
    const other = await prepareNetwork(
      {
        apart: true,
        pops: [{ id: 'par', listen: first }],
        shields: [{ id: 'eu', admin: second }],
        dns: { listen: `127.0.0.1:${datagrams.address().port}` },
        purge: { listen: third },
      },
      { after: (run) => t.after(run), afterEach: () => {} },
    );
    for (const id of ['par', 'eu', 'ns1', 'purge']) {
      const reason = (await other.startInVain(id)).trim();
      assert.match(reason, /:\d+ is in use by another process: stop that one, or change/, id);
      assert.equal(reason.split('\n').length, 1, reason);
    }
  });

  test('a data folder that cannot be written', async (t) => {
    const other = await prepareNetwork(
      { settings: { dataDir: './occupied' } },
      { after: (run) => t.after(run), afterEach: () => {} },
    );
    writeFileSync(path.join(other.folder, 'occupied'), 'a file');
    for (const id of ['par', 'purge']) {
      const reason = (await other.startInVain(id)).trim();
      assert.match(reason, /occupied/, id);
      assert.equal(reason.split('\n').length, 1, reason);
    }
  });
});
