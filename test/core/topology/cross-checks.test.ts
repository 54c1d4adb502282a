import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changed, type Plain, type PlainNetwork, plainNetwork, problemsOf } from './network.ts';

test('a network in which everything fits has no problems', () => {
  assert.deepEqual(problemsOf(plainNetwork()), []);
});

const place = (name: string, network: string) => ({
  name,
  networks: [network],
  latitude: 0,
  longitude: 0,
});
const geoip =
  (...places: object[]) =>
  (n: PlainNetwork) =>
    Object.assign(n.dns[0] ?? {}, { geoip: { places } });
const token = (name: string, host: string) => ({ name, secret: 's', hosts: [host] });

const wrong: [string, (network: PlainNetwork & Plain) => void, string][] = [
  [
    'an id used twice',
    (n) => Object.assign(n.shields[1] ?? {}, { id: 'par' }),
    'shields[1].id: the id "par" is used twice',
  ],
  [
    'a PoP with the id of purge-api',
    (n) => Object.assign(n.purge, { id: 'nyc' }),
    'purge.id: the id "nyc" is used twice',
  ],
  [
    'a host of two sites',
    (n) =>
      n.sites.push({
        hosts: ['a.test', 'WWW.demo.test'],
        origins: [{ url: 'http://127.0.0.1:9' }],
      }),
    'sites[1].hosts[1]: the host "www.demo.test" is named twice',
  ],
  [
    'a shield that there is not',
    (n) => Object.assign(n.pops[0] ?? {}, { shield: ['eu', ['us', 'asia']] }),
    'pops[0].shield: there is no shield "asia" (known: eu, us)',
  ],
  [
    'two nodes at one address',
    (n) => Object.assign(n.pops[1] ?? {}, { listen: '127.0.0.1:8181' }),
    'shields[0].listen: 127.0.0.1:8181 is already the address of nyc.listen',
  ],
  [
    'one address for both listeners of a node',
    (n) => Object.assign(n.pops[1] ?? {}, { admin: '127.0.0.1:8082' }),
    'pops[1].admin: 127.0.0.1:8082 is already the address of nyc.listen',
  ],
  [
    'every interface and one of them, on the same port of a node',
    (n) =>
      Object.assign(n.pops[1] ?? {}, {
        listen: '0.0.0.0:8082',
        reach: '192.0.2.2:80',
        admin: '127.0.0.1:8082',
      }),
    'pops[1].admin: 127.0.0.1:8082 is already the address of nyc.listen',
  ],
  [
    'every interface twice, on the same port of a node that has a reach',
    (n) =>
      Object.assign(n.pops[1] ?? {}, {
        listen: '0.0.0.0:80',
        reach: '192.0.2.2:80',
        admin: '0.0.0.0:80',
      }),
    'pops[1].admin: 0.0.0.0:80 is already the address of nyc.listen',
  ],
  [
    'a wildcard without an address for others',
    (n) => Object.assign(n.shields[0] ?? {}, { listen: '[::]:8181' }),
    'shields[0].listen: [::]:8181 is every interface, so others cannot know where to connect: add "reach"',
  ],
  [
    'a place named twice, whatever the case',
    geoip(place('Tokyo', '198.18.1.0/24'), place('tokyo', '198.18.2.0/24')),
    'dns[0].geoip.places[1].name: the place "tokyo" is named twice',
  ],
  [
    'a network of two places',
    geoip(place('Tokyo', '198.18.1.0/24'), place('Paris', '198.18.1.0/24')),
    'dns[0].geoip.places[1].networks[0]: the network 198.18.1.0/24 belongs to another place already',
  ],
  [
    'a token named twice',
    (n) => Object.assign(n.purge, { tokens: [token('a', '*'), token('a', '*')] }),
    'purge.tokens[1].name: the token "a" is named twice',
  ],
  [
    'a token for a host of no site',
    (n) => Object.assign(n.purge, { tokens: [token('a', 'other.test')] }),
    'purge.tokens[0].hosts[0]: no site has the host "other.test"',
  ],
  [
    'a site whose origins all have weight 0',
    (n) => Object.assign(n.sites[0]?.origins?.[0 as never] ?? {}, { weight: 0 }),
    'sites[0].origins: every origin has weight 0: nothing could be fetched',
  ],
];

for (const [title, change, problem] of wrong) {
  test(`${title} is one problem, at its key`, () => {
    assert.deepEqual(problemsOf(changed(change)), [problem]);
  });
}

const machine = (n: PlainNetwork, index: number, changes: Plain) =>
  Object.assign(n.pops[index] ?? {}, changes);

test('machines of their own may use the same wildcard and loopback addresses', () => {
  const network = changed((n) => {
    machine(n, 0, { listen: '0.0.0.0:80', reach: '198.51.100.7:80', admin: '127.0.0.1:9000' });
    machine(n, 1, { listen: '0.0.0.0:80', reach: '198.51.100.8:80', admin: '127.0.0.1:9000' });
  });
  assert.deepEqual(problemsOf(network), []);
  const specific = changed((n) => {
    machine(n, 0, { listen: '198.51.100.7:80', admin: '127.0.0.1:9000' });
    machine(n, 1, { listen: '198.51.100.8:80', admin: '127.0.0.1:9000' });
  });
  assert.deepEqual(problemsOf(specific), []);
  const forwarded = changed((n) => {
    machine(n, 0, { listen: '0.0.0.0:80', reach: 'home.test:8080', admin: '127.0.0.1:9000' });
    machine(n, 1, { listen: '0.0.0.0:80', reach: 'home.test:8081', admin: '127.0.0.1:9000' });
  });
  assert.deepEqual(problemsOf(forwarded), []);
});

test('nodes that are reached at loopback, or at one address, are on one machine', () => {
  const clash = 'pops[1].admin: 127.0.0.1:9000 is already the address of par.admin';
  const local = changed((n) => {
    machine(n, 0, { admin: '127.0.0.1:9000' });
    machine(n, 1, { admin: '127.0.0.1:9000' });
  });
  assert.deepEqual(problemsOf(local), [clash]);
  const one = changed((n) => {
    machine(n, 0, { listen: '198.51.100.7:80', admin: '127.0.0.1:9000' });
    machine(n, 1, { listen: '198.51.100.7:81', admin: '127.0.0.1:9000' });
  });
  assert.deepEqual(problemsOf(one), [clash]);
});

test('port 0 clashes with nothing', () => {
  const network = changed((n) => {
    machine(n, 0, { listen: '127.0.0.1:0', admin: '127.0.0.1:0' });
    machine(n, 1, { listen: '127.0.0.1:0', admin: '127.0.0.1:0' });
  });
  assert.deepEqual(problemsOf(network), []);
});
