import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runProgram } from '../../../../infra/cli/program.ts';
import { createContext } from '../../support/cli-context.ts';
import { smallNetworkFolder } from '../../support/small-network.ts';

const location = (latitude: number, longitude: number) => ({ latitude, longitude });
const pop = (id: string, latitude: number, longitude: number) => ({
  id,
  location: location(latitude, longitude),
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  advertise: ['127.0.0.1'],
});
const { file } = smallNetworkFolder({
  pops: [pop('par', 48.86, 2.35), pop('nyc', 40.71, -74.01), pop('tyo', 35.68, 139.69)],
});

async function run(...args: string[]) {
  const context = createContext();
  const code = await runProgram(context, [...args, '-c', file]);
  const { out, problems } = context.terminal;
  return { code, out: out.join('\n'), problems: problems.join('\n') };
}

describe('simulate', () => {
  test('tells loads and routes, before and after', async () => {
    const { code, out } = await run('simulate', '--clients', '500', '--without', 'par');
    assert.equal(code, 0);
    assert.match(out, /www\.small\.test: 500 clients .* \(seed 1\), 25 requests in progress/);
    assert.match(out, /^par .*dies$/m);
    assert.match(out, /^EU .*par 100\.0 % .*nyc/m);
    assert.match(out, /within 36 s \(three probes and one TTL\)/);
  });

  test('as JSON: per PoP and per country, the same for the same seed', async () => {
    const args = ['simulate', '--clients', '500', '--without', 'par', '--json', '--seed', '3'];
    const [first, second] = [await run(...args), await run(...args)];
    assert.equal(first.out, second.out);
    const result = JSON.parse(first.out);
    assert.equal(result.after.pops[0].clients, 0);
    const routes: { clients: Record<string, number> }[] = result.before.routes;
    const all = routes.flatMap(({ clients }) => Object.values(clients));
    assert.equal(
      all.reduce((sum, count) => sum + count, 0),
      500,
    );
  });

  test('refuses counts and PoPs that cannot be', async () => {
    assert.equal((await run('simulate', '--clients', '0')).code, 2);
    assert.equal((await run('simulate', '--clients', '2000000')).code, 2);
    const unknown = await run('simulate', '--clients', '10', '--without', 'ber');
    assert.equal(unknown.code, 2);
    assert.match(unknown.problems, /there is no PoP "ber"/);
    assert.equal((await run('simulate', '--clients', '10', '--host', 'x.test')).code, 1);
  });
});

describe('catchments', () => {
  test('without a running DNS they are as configured, and it says so', async () => {
    const { code, out } = await run('catchments', 'www.small.test', '--without', 'par', '--json');
    assert.equal(code, 0);
    const map = JSON.parse(out);
    assert.match(map.source, /^as configured, since no DNS server tells more/);
    assert.ok(map.moves.every(({ from }: { from: string }) => from === 'par'));
    assert.equal(map.pops[0].share, 0);
    assert.ok(map.pops[0].shareBefore > 0);
  });

  test('a host of no site is refused, with those that are', async () => {
    const { code, problems } = await run('catchments', 'x.small.test');
    assert.equal(code, 1);
    assert.match(problems, /no site has the host x\.small\.test; the hosts are: www\.small\.test/);
  });
});
