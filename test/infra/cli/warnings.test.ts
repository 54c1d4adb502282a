import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warningsOf } from '../../../infra/cli/warnings.ts';
import { smallNetwork, smallTopology } from '../support/small-network.ts';

const { pops, purge } = smallNetwork();

test('a network on loopback addresses is held to less: no warning', () => {
  assert.deepEqual(warningsOf(smallTopology()), []);
});

test('nobody who may purge, or nobody who may reload, is worth a warning', () => {
  const none = warningsOf(smallTopology({ purge: { ...purge, tokens: [] } }));
  const limited = warningsOf(
    smallTopology({ purge: { ...purge, tokens: purge.tokens.slice(0, 1) } }),
  );
  assert.match(none.join(), /nobody can purge/);
  assert.match(limited.join(), /no token is for all hosts/);
});

test('a host outside the zones of our DNS is named', () => {
  const all = { ...purge, tokens: purge.tokens.slice(1) };
  const sites = [{ hosts: ['www.other.test'], origins: [{ url: 'http://127.0.0.1:9000' }] }];
  assert.match(
    warningsOf(smallTopology({ sites, purge: all })).join(),
    /www\.other\.test lies in no zone/,
  );
});

test('on real machines: secret, open admin, addresses that lead nowhere, one DNS server, short tokens', () => {
  const [par] = pops;
  const open = { ...par, listen: '0.0.0.0:80', reach: '198.51.100.7:80', admin: '0.0.0.0:81' };
  const warnings = warningsOf(smallTopology({ pops: [open] })).join('\n');
  assert.match(warnings, /without "secret"/);
  assert.match(warnings, /par: the admin address 0\.0\.0\.0:81 is open/);
  assert.match(warnings, /par: DNS would send clients to 127\.0\.0\.1/);
  assert.match(warnings, /one DNS server/);
  assert.match(warnings, /the token "limited" is short/);
});
