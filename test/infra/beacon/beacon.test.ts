/** The beacon as a browser would run it, with stand-ins for what a browser gives. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { probePath } from '../../../core/cache-node/probe.ts';

const text = readFileSync(
  path.join(import.meta.dirname, '../../../infra/beacon/beacon.js'),
  'utf8',
);

/** Runs one visit in which chance gives `chance`; resolves with what was asked and what was reported. */
async function visit(chance: number, broken: string[] = []) {
  const asked: string[] = [];
  const reports: [url: string, body: string][] = [];
  let nowMs = 0;
  let onLoad = () => {};
  runInNewContext(text, {
    document: {
      currentScript: {
        dataset: { report: '/rtt', pops: '{"par":"https://par.test","nyc":"https://nyc.test"}' },
      },
    },
    Math: Object.assign(Object.create(Math), { random: () => chance }),
    performance: { now: () => nowMs },
    fetch: async (url: string) => {
      asked.push(url);
      if (broken.some((name) => url.includes(name))) throw new TypeError('failed');
      // The first takes a connection as well.
      const isFirst = asked.filter((other) => other === url).length === 1;
      nowMs += (isFirst ? 3 : 1) * (url.includes('par') ? 12.34 : 80);
    },
    navigator: { sendBeacon: (url: string, body: string) => reports.push([url, body]) },
    window: { requestIdleCallback: (run: () => void) => run() },
    addEventListener: (_: string, run: () => void) => {
      onLoad = run;
    },
  });
  onLoad();
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return { asked, reports };
}

test('a visit of the sample asks each PoP twice, where every edge answers, and reports the second time', async () => {
  const { asked, reports } = await visit(0.01);
  const [par, nyc] = [`https://par.test${probePath}`, `https://nyc.test${probePath}`];
  assert.deepEqual(asked, [par, par, nyc, nyc]);
  assert.deepEqual(reports, [['/rtt', '{"par":12.3,"nyc":80}']]);
});

test('another visit asks nothing', async () => {
  assert.deepEqual(await visit(0.06), { asked: [], reports: [] });
});

test('a PoP that cannot be reached is not in the report; without any there is none', async () => {
  assert.deepEqual((await visit(0, ['par'])).reports, [['/rtt', '{"nyc":80}']]);
  assert.deepEqual((await visit(0, ['par', 'nyc'])).reports, []);
});
