/**
 * Interim responses on their way from the origin through shield and edge to the client, whichever workers take part, and early
 * hints that an edge makes of what it has stored.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Interim, sendRaw } from '../support/network/client.ts';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, type Gate, page, type Route } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const hintedHost = 'hinted.shop.test';
const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    { hosts: [hintedHost], origins: [{ url }], cache: { earlyHints: true } },
  ],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

const early =
  'HTTP/1.1 103 Early Hints\r\nLINK: </a.css>; rel=preload\r\nlink: </b>\r\nX-Own: 1\r\n\r\n';
const heard: Interim[] = [
  [103, 'LINK', '</a.css>; rel=preload', 'link', '</b>', 'X-Own', '1'],
  [102],
];

/** Two interim responses, then the page once the gate is open. */
function hinting(text: string, gate?: Gate): Route {
  const answer = page(text);
  return async (request, response) => {
    response.socket?.write(`${early}HTTP/1.1 102 Processing\r\n\r\n`);
    await gate?.opened;
    await answer(request, response);
  };
}

test('102 and 103 pass both tiers when they come, with their fields, whichever worker of a node is asked (RFC 9110 §15.2, RFC 8297)', async () => {
  const gate = createGate();
  const paths = Array.from({ length: 16 }, (_, n) => `/early/${n}`);
  for (const path of paths) origin.on(path, hinting(path, gate));
  let received = 0;
  const asked = paths.map((path) =>
    network.request('par', path, {
      headers: { connection: 'close' },
      onInterim: () => {
        received += 1;
      },
    }),
  );
  await until('all have them', () => received === 2 * paths.length);
  gate.open();
  const answers = await Promise.all(asked);
  for (const [index, { text, interim, rawHeaders }] of answers.entries()) {
    assert.deepEqual([text, interim], [paths[index], heard]);
    assert.deepEqual(
      rawHeaders.filter((name) => /^(link|x-own)$/i.test(name)),
      [],
    );
  }
  const workers = new Set(answers.map(({ header }) => header('x-request-id')?.split('-')[1]));
  assert.equal(workers.size, 2, 'workers that answered');
});

test('they are stored at no tier and repeated to nobody', async () => {
  origin.on('/once', hinting('once'));
  assert.deepEqual((await network.get('par', '/once')).interim, heard);
  for (const pop of ['par', 'nyc']) {
    const { interim, header, text } = await network.get(pop, '/once');
    assert.deepEqual(
      [text, interim, header('link'), header('x-own')],
      ['once', [], undefined, undefined],
    );
  }
  assert.equal(origin.hits('/once'), 1);
});

test('of many who wait for one fetch, over all workers, one hears of them', async () => {
  const gate = createGate();
  origin.on('/many', hinting('many', gate));
  let received = 0;
  const asked = Array.from({ length: 20 }, () =>
    network.request('par', '/many', {
      headers: { connection: 'close' },
      onInterim: () => {
        received += 1;
      },
    }),
  );
  await until('one has them', () => received === 2);
  gate.open();
  const answers = await Promise.all(asked);
  assert.ok(answers.every(({ text }) => text === 'many'));
  assert.equal(answers.filter(({ interim }) => interim.length > 0).length, 1);
  assert.equal(origin.hits('/many'), 1);
});

test('they come before the answer to a POST, and to a GET that is not to be stored', async () => {
  origin.on('/passed', hinting('passed'));
  const post = await network.request('par', '/passed', { method: 'POST', body: 'x' });
  const get = await network.get('par', '/passed', { 'cache-control': 'no-store' });
  assert.deepEqual([post.interim, get.interim], [heard, heard]);
});

test('a client of HTTP/1.0 gets the answer only', async () => {
  origin.on('/old', hinting('old'));
  const text = await sendRaw(network.url('par'), `GET /old HTTP/1.0\r\nHost: ${siteHost}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.doesNotMatch(text, /HTTP\/1\.1 10\d/);
  // The shield cannot know for whom the edge asks, so it is the edge that drops them.
  const name = 'breakwater_upstream_interim_responses_total';
  assert.equal(await network.metric('par', name, 'unwanted'), 2);
});

test('an edge hints at the links of what it has stored while the origin is asked, once (RFC 8297 §2)', async () => {
  const gate = createGate();
  const headers = {
    'cache-control': 'max-age=0',
    etag: '"1"',
    link: '</a.css>; rel=preload; as=style, </next>; rel=next',
  };
  const answer = page('hinted', headers);
  let isHeld = false;
  origin.on('/hinted', async (request, response) => {
    if (isHeld) await gate.opened;
    await answer(request, response);
  });
  let received = 0;
  const askAll = () =>
    Array.from({ length: 8 }, () =>
      network.request('par', '/hinted', {
        host: hintedHost,
        headers: { connection: 'close' },
        onInterim: () => {
          received += 1;
        },
      }),
    );
  await until('both workers have it stored', async () => {
    const answers = await Promise.all(askAll());
    return answers.every(({ interim }) => interim.length > 0);
  });
  isHeld = true;
  received = 0;
  const asked = askAll();
  await until('all are hinted', () => received === asked.length);
  gate.open();
  for (const { interim, text } of await Promise.all(asked)) {
    assert.deepEqual(interim, [[103, 'Link', '</a.css>; rel=preload; as=style']]);
    assert.equal(text, 'hinted');
  }
  assert.ok((await network.metric('par', 'breakwater_cache_early_hints_total')) >= 16);
  assert.equal(await network.metric('eu', 'breakwater_cache_early_hints_total'), 0);
});
