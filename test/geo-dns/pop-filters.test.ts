import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createPopFilters } from '../../geo-dns/pop-filters.ts';
import type { Standing } from '../../geo-dns/select.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const { pops } = dnsNetwork();
const rules = {
  damping: { halfLifeMs: 60_000, suppress: 2.5, reuse: 1 },
  shedding: { above: 0.8, below: 0.7, windowMs: 30_000 },
};

function setUp() {
  const clock = createFakeClock();
  const registry = createMetrics();
  let given = standings(pops);
  const filters = createPopFilters(
    { clock, log: silentLog, metrics: createDnsMetrics(registry) },
    () => given,
    () => rules,
  );
  const tell = (changed: Record<string, { standing?: Standing; load?: number }>) => {
    given = standings(pops, changed);
  };
  const par = () => filters.standings().find(({ pop }) => pop.id === 'par') ?? assert.fail();
  const flap = async () => {
    tell({ par: { standing: 'unhealthy' } });
    await clock.advance(2000);
    tell({});
    await clock.advance(2000);
  };
  return { clock, filters, registry, tell, par, flap };
}

test('PoPs that are well pass, and what is told of the others at once', () => {
  const { filters, tell, par } = setUp();
  assert.deepEqual(filters.standings(), standings(pops));
  tell({ par: { standing: 'unhealthy' } });
  assert.equal(par().standing, 'unhealthy');
});

test('a PoP that comes and goes is held out although it is well, and back in time; counted', async () => {
  const { clock, par, flap, registry } = setUp();
  await flap();
  await flap();
  assert.equal(par().standing, 'in');
  await flap();
  assert.equal(par().standing, 'flapping');
  assert.match(par().why, /comes and goes: held back for another 90 s/);
  const text = await registry.text();
  assert.match(text, /pop_held_total\{pop="par"\} 1/);
  assert.match(text, /pop_ready\{pop="par"\} 0/);
  await clock.advance(120_000);
  assert.equal(par().standing, 'in');
  assert.match(await registry.text(), /pop_ready\{pop="par"\} 1/);
});

test('to be drained again and again is no flapping, and the end of a drained process neither', async () => {
  const { clock, par, tell } = setUp();
  for (let i = 0; i < 5; i += 1) {
    tell({ par: { standing: 'draining' } });
    await clock.advance(1000);
    tell({ par: { standing: 'unhealthy' } });
    await clock.advance(1000);
    tell({});
    await clock.advance(1000);
  }
  assert.equal(par().standing, 'in');
});

test('a PoP above its capacity keeps a smaller and smaller share, told in steps, and gets it back', async () => {
  const { clock, par, tell, registry } = setUp();
  tell({ par: { load: 2 } });
  await clock.advance(30_000);
  const share = par().share ?? assert.fail();
  assert.ok(share > 0.55 && share < 0.7, `${share}`);
  assert.equal(share * 64, Math.round(share * 64));
  assert.match(await registry.text(), /pop_share_ratio\{pop="par"\} 0\.6/);
  tell({ par: { load: 0.75 } });
  await clock.advance(60_000);
  assert.equal(par().share, share);
  tell({});
  await clock.advance(60_000);
  assert.equal(par().share, undefined);
});

test('when all are full alike, each keeps its clients', async () => {
  const { clock, filters, tell } = setUp();
  tell({ par: { load: 2 }, nyc: { load: 2 }, tyo: { load: 2 } });
  await clock.advance(60_000);
  assert.ok(filters.standings().every(({ share }) => share === undefined));
});

test('the array is the same until something in it changes', async () => {
  const { clock, filters, tell } = setUp();
  const before = filters.standings();
  await clock.advance(10_000);
  tell({});
  assert.equal(filters.standings(), before);
  tell({ par: { load: 0.1 } });
  assert.notEqual(filters.standings(), before);
});

test('nothing moves after stop', async () => {
  const { clock, filters } = setUp();
  filters.stop();
  assert.equal(clock.pending, 0);
  await clock.advance(1000);
});
