/**
 * Names and places: each client is sent to the PoP that suits it, by a server that knows which of them live (DESIGN section 8).
 * Two PoPs without shields, one name server, probes five times a second.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientIn, paris, siteHost, tokyo } from '../support/network/config.ts';
import {
  addressesIn,
  askByTcp,
  askByUdp,
  sendDatagram,
  textsIn,
} from '../support/network/dns-client.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const addressOf = { par: '192.0.2.1', tyo: '192.0.2.3' };
const network = await startNetwork({
  shields: [],
  pops: [
    { id: 'par', location: paris, advertise: [addressOf.par] },
    { id: 'tyo', location: tokyo, advertise: [addressOf.tyo, '2001:db8::3'] },
  ],
  dns: {},
  // So long that nobody's runs out while purge-api is away.
  settings: { lease: '20s' },
});

const ask = (subnet?: string, name = siteHost, type: 'A' | 'AAAA' | 'NS' | 'SOA' | 'TXT' = 'A') =>
  askByUdp(network.url('ns1'), { name, type, ...(subnet === undefined ? {} : { subnet }) });

/** The address that a client in the place is given. */
const addressFor = async (place: keyof typeof clientIn) =>
  addressesIn(await ask(clientIn[place])).join();

/** Ten answers in a row: what a PoP has said on its start may reach the name server after what it says now. */
const sentTo = (place: keyof typeof clientIn, pop: keyof typeof addressOf) => {
  let inARow = 0;
  return until(`a client in ${place} is sent to ${pop}`, async () => {
    inARow = (await addressFor(place)) === addressOf[pop] ? inARow + 1 : 0;
    return inARow === 10;
  });
};

await sentTo('tokyo', 'tyo');
await sentTo('paris', 'par');

describe('an answer', () => {
  test('is the PoP nearest to the client’s network, with the scope that it holds for (RFC 7871)', async () => {
    const answers = await Promise.all([ask(clientIn.paris), ask(clientIn.tokyo)]);
    assert.deepEqual(answers.map(addressesIn), [[addressOf.par], [addressOf.tyo]]);
    for (const { header, edns, answers: records } of answers) {
      assert.deepEqual([header.rcode, header.authoritative], [0, true]);
      assert.equal(edns?.clientSubnet?.scopePrefixLength, 24);
      assert.equal(records[0]?.ttlSeconds, 10);
    }
  });

  test('is the same over TCP (RFC 7766)', async () => {
    const query = { name: siteHost, type: 'A', subnet: clientIn.tokyo } as const;
    assert.deepEqual(addressesIn(await askByTcp(network.url('ns1'), query)), [addressOf.tyo]);
  });

  test('has no subnet when the query had none, and still an address', async () => {
    const answer = await ask();
    assert.equal(addressesIn(answer).length, 1);
    assert.equal(answer.edns?.clientSubnet?.scopePrefixLength ?? 0, 0);
  });

  test('of another type is that PoP’s AAAA, or nothing and the SOA (RFC 2308)', async () => {
    const tokyoAnswer = await ask(clientIn.tokyo, siteHost, 'AAAA');
    const parisAnswer = await ask(clientIn.paris, siteHost, 'AAAA');
    assert.deepEqual(addressesIn(tokyoAnswer), ['2001:db8::3']);
    assert.deepEqual([parisAnswer.header.rcode, parisAnswer.answers.length], [0, 0]);
    assert.equal(parisAnswer.authorities[0]?.data.type, 'SOA');
  });

  test('for the zone itself is its SOA and NS; for what is not there NXDOMAIN; for other zones REFUSED', async () => {
    const soa = await ask(undefined, 'shop.test', 'SOA');
    const ns = await ask(undefined, 'shop.test', 'NS');
    const missing = await ask(clientIn.paris, 'nothing.shop.test');
    const foreign = await ask(clientIn.paris, 'www.example.org');
    assert.equal(soa.answers[0]?.data.type, 'SOA');
    assert.equal(ns.answers[0]?.data.type, 'NS');
    assert.deepEqual([missing.header.rcode, missing.authorities[0]?.data.type], [3, 'SOA']);
    assert.equal(foreign.header.rcode, 5);
  });

  test('says why, when asked', async () => {
    const texts = textsIn(await ask(clientIn.tokyo, `_why.${siteHost}`, 'TXT'));
    for (const wanted of ['pop=tyo', 'reason=nearest', 'place=Tokyo', 'source=places']) {
      assert.ok(texts.includes(wanted), texts.join(' '));
    }
  });

  test('comes though rubbish came before', async () => {
    for (let n = 0; n < 50; n += 1)
      await sendDatagram(network.url('ns1'), Buffer.alloc(n, 255 - n));
    assert.equal(await addressFor('tokyo'), addressOf.tyo);
  });
});

describe('a PoP', () => {
  test('that is killed leaves the answers, and is back after its restart', async () => {
    await network.kill('tyo');
    await sentTo('tokyo', 'par');
    await network.start('tyo');
    await sentTo('tokyo', 'tyo');
  });

  test('that is being stopped leaves the answers while it still finishes what is under way', async () => {
    const gate = createGate();
    network.origin.on('/long', async (_, response) => {
      response.writeHead(200);
      response.write('begun ');
      await gate.opened;
      response.end('and finished');
    });
    const download = await network.open('tyo', '/long');
    const begun = await download.next();
    const ended = network.node('tyo').end('SIGTERM');
    await sentTo('tokyo', 'par');
    assert.ok(network.node('tyo').isRunning());
    gate.open();
    assert.equal(`${begun}${await download.rest()}`, 'begun and finished');
    assert.equal(await ended, 'code 0');
    await network.start('tyo');
    await sentTo('tokyo', 'tyo');
  });

  test('that is drained in the configuration is handed out no more, and serves on', async () => {
    network.origin.on('/served', page('served'));
    const drain = async (value: boolean) => {
      network.reconfigure((config) => {
        for (const pop of config.pops) if (pop.id === 'tyo') Object.assign(pop, { drain: value });
      });
      assert.equal((await network.api('/v1/reload', { method: 'POST' })).status, 200);
    };
    await drain(true);
    await sentTo('tokyo', 'par');
    assert.equal((await network.get('tyo', '/served')).text, 'served');
    await drain(false);
    await sentTo('tokyo', 'tyo');
  });

  test('that has not caught up with the journal is not handed out', async () => {
    await network.terminate('tyo');
    await sentTo('tokyo', 'par');
    await network.kill('purge');
    await network.node('tyo').start();
    await until('the name server has looked at it', async () => {
      const texts = textsIn(await ask(clientIn.tokyo, `_why.${siteHost}`, 'TXT'));
      return texts.some((text) => /^then=tyo .*unhealthy/.test(text));
    });
    assert.equal(await addressFor('tokyo'), addressOf.par);
    await network.start('purge');
    await network.ready('tyo');
    await sentTo('tokyo', 'tyo');
  });
});

describe('the name server', () => {
  test('hands out a PoP although all are dead: an answer that may not work beats none', async () => {
    await Promise.all([network.kill('par'), network.kill('tyo')]);
    await until('it fails open', async () => {
      const texts = textsIn(await ask(clientIn.tokyo, `_why.${siteHost}`, 'TXT'));
      return texts.includes('reason=fail-open');
    });
    assert.equal(await addressFor('tokyo'), addressOf.tyo);
    assert.equal(await addressFor('paris'), addressOf.par);
    await Promise.all([network.start('par'), network.start('tyo')]);
    await sentTo('tokyo', 'tyo');
    await sentTo('paris', 'par');
    const texts = textsIn(await ask(clientIn.tokyo, `_why.${siteHost}`, 'TXT'));
    assert.ok(texts.includes('reason=nearest'), texts.join(' '));
  });

  test('answers without purge-api, and steers by its own probes', async () => {
    await network.kill('purge');
    assert.equal(await addressFor('tokyo'), addressOf.tyo);
    await network.kill('tyo');
    await sentTo('tokyo', 'par');
    await network.start('purge');
    await network.start('tyo');
    await sentTo('tokyo', 'tyo');
  });

  test('that is killed answers again after its restart', async () => {
    await network.kill('ns1');
    await network.start('ns1');
    await sentTo('tokyo', 'tyo');
  });
});
