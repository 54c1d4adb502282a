import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordTypes, typeName, typeOf } from '../../core/dns/record.ts';
import { parseZoneFile } from '../../core/dns/zone-file.ts';
import { type Found, findZone, lookup, type Zones } from '../../geo-dns/zone.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { type DnsNetworkOptions, dnsNetwork } from '../support/dns-network.ts';

const zonesOf = (options: DnsNetworkOptions = {}, index = 0): Zones => {
  const topology = dnsNetwork(options);
  return buildZones(topology, topology.dns[index] ?? assert.fail());
};
const withRecords = (records: string) => `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    name: ns1.demo.test
    advertise: [192.0.2.53]
    zones: [{ name: demo.test, ttl: 1500ms, records: [${records}] }]`;
const find = (
  zones: Zones,
  name: string,
  type: keyof typeof recordTypes = 'A',
): Found | undefined => {
  const zone = findZone(zones, name);
  return zone && lookup(zone, name, recordTypes[type]);
};
/** How a name is steered, without what else it has. */
const steeringOf = (...where: Parameters<typeof find>) => {
  const found = find(...where);
  return found?.kind === 'pops' || found?.kind === 'why'
    ? { kind: found.kind, host: found.host }
    : found;
};
const kindOf = (zones: Zones, name: string, type?: keyof typeof recordTypes) =>
  find(zones, name, type)?.kind;
const shown = (found: Found | undefined) =>
  found?.kind === 'records' || found?.kind === 'referral'
    ? (found.kind === 'records' ? found.records : found.authorities).map(({ data }) => data)
    : found?.kind;

test('a site host within the zone is answered with PoPs, by A, AAAA and ANY', () => {
  const zones = zonesOf();
  for (const type of ['A', 'AAAA', 'ANY'] as const) {
    assert.deepEqual(steeringOf(zones, 'www.demo.test', type), {
      kind: 'pops',
      host: 'www.demo.test',
    });
  }
  assert.equal(kindOf(zones, 'www.demo.test', 'TXT'), 'nodata');
  assert.deepEqual(steeringOf(zones, '_why.www.demo.test', 'TXT'), {
    kind: 'why',
    host: 'www.demo.test',
  });
  assert.equal(kindOf(zones, '_why.www.demo.test', 'A'), 'nodata');
});

test('a name that is not there is NXDOMAIN, one with something below it NODATA (RFC 8020)', () => {
  const zones = zonesOf({ hosts: '[a.b.c.demo.test]' });
  for (const name of ['b.c.demo.test', 'c.demo.test']) {
    assert.equal(kindOf(zones, name), 'nodata', name);
    assert.equal(kindOf(zones, name, 'ANY'), 'nodata', name);
  }
  for (const name of ['x.c.demo.test', 'x.a.b.c.demo.test', 'nothing.demo.test']) {
    assert.equal(kindOf(zones, name), 'nxdomain', name);
  }
});

test('a name outside every zone has no zone; of nested zones the innermost has it', () => {
  const dns = `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    name: ns1.demo.test
    advertise: [192.0.2.53]
    zones: [{ name: demo.test }, { name: sub.demo.test }]`;
  const zones = zonesOf({ dns, hosts: '[www.sub.demo.test, demo.test]' });
  assert.equal(findZone(zones, 'www.sub.demo.test')?.name, 'sub.demo.test');
  assert.equal(kindOf(zones, 'www.sub.demo.test'), 'pops');
  assert.equal(kindOf(zones, 'demo.test'), 'pops');
  for (const name of ['test', 'example.org', 'xdemo.test', '']) {
    assert.equal(findZone(zones, name), undefined, name);
  }
});

test('the NS set names every server of the zone, with the addresses of those within it', () => {
  const server = (id: string, name: string, zone: string) => `
  - { id: ${id}, listen: "127.0.0.1:0", admin: "127.0.0.1:0", zone: ${zone}, name: ${name}, advertise: ["2001:db8::${id.slice(2)}"] }`;
  const dns = [
    server('ns1', 'ns1.demo.test', 'demo.test'),
    server('ns2', 'ns2.other.example', 'demo.test'),
    server('ns3', 'ns3.demo.test', 'else.test'),
  ].join('');
  const found = find(zonesOf({ dns }), 'demo.test', 'NS');
  assert.deepEqual(shown(found), [
    { type: 'NS', target: 'ns1.demo.test' },
    { type: 'NS', target: 'ns2.other.example' },
  ]);
  assert.deepEqual(
    found?.kind === 'records' && found.additionals.map(({ name, data }) => [name, data]),
    [['ns1.demo.test', { type: 'AAAA', address: '2001:db8::1' }]],
  );
  assert.equal(kindOf(zonesOf({ dns }), 'ns3.demo.test', 'AAAA'), 'records');
});

test('the SOA is equal on all servers of a zone, and changes with what the zone holds', () => {
  const serial = (options?: DnsNetworkOptions, index?: number) => {
    const [data] = (shown(find(zonesOf(options, index), 'demo.test', 'SOA')) ?? []) as [never];
    return (data as { serial: number }).serial;
  };
  const two = `${withRecords('')}
  - { id: ns2, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns2.demo.test, advertise: [192.0.2.54], zones: [{ name: demo.test, ttl: 1500ms }] }`;
  assert.equal(serial({ dns: two }, 0), serial({ dns: two }, 1));
  assert.notEqual(serial(), serial({ hosts: '[www.demo.test, new.demo.test]' }));
  assert.notEqual(serial({ dns: withRecords('') }), serial({ dns: two }));
});

test('a negative answer holds no longer than a steered one (RFC 2308 §5)', () => {
  const zone = zonesOf().get('demo.test') ?? assert.fail();
  assert.equal(zone.negativeSoa.ttlSeconds, 30);
  assert.equal(zone.soa.ttlSeconds, 3600);
  assert.ok(zone.soa.data.type === 'SOA' && zone.soa.data.minimumSeconds === 30);
});

test('of a zone file its SOA, NS set and addresses of servers stand; what it lacks is made', () => {
  const topology = dnsNetwork();
  const node = topology.dns[0] ?? assert.fail();
  const withFile = (text: string) => {
    const { records } = parseZoneFile(text, { apex: 'demo.test', ttlSeconds: 30 });
    const files = new Map([
      ['demo.test', records.map((record) => ({ ...record, at: record.line }))],
    ]);
    return buildZones(topology, node, { files });
  };
  const zones = withFile(
    '@ 600 SOA ns.x.test. h.x.test. 7 1 1 1 90\n@ NS ns1\n@ NS ns.x.test.\nns1 A 192.0.2.99\n',
  );
  assert.equal((shown(find(zones, 'demo.test', 'NS')) as unknown[]).length, 2);
  assert.deepEqual(shown(find(zones, 'ns1.demo.test')), [{ type: 'A', address: '192.0.2.99' }]);
  const zone = zones.get('demo.test') ?? assert.fail();
  assert.ok(zone.soa.data.type === 'SOA' && zone.soa.data.serial === 7);
  // The smaller of the SOA's TTL and its MINIMUM (RFC 2308 §3); a steered nothing ends with the steering.
  assert.deepEqual([zone.negativeSoa.ttlSeconds, zone.steeredNegativeSoa.ttlSeconds], [90, 30]);
  const bare = withFile('www TXT x\n');
  assert.deepEqual(shown(find(bare, 'demo.test', 'NS')), [{ type: 'NS', target: 'ns1.demo.test' }]);
  assert.equal(kindOf(bare, 'ns1.demo.test'), 'records');
  assert.equal(kindOf(bare, 'www.demo.test'), 'pops');
});

test('static records of every type are answered, TTLs in whole seconds', () => {
  const zones = zonesOf({
    dns: withRecords(
      '{ name: "@", type: TXT, value: [one, "two three"] }, { name: Mail.x, type: A, value: 192.0.2.9, ttl: 1h }, { name: six, type: AAAA, value: "2001:db8::9" }',
    ),
  });
  assert.deepEqual(shown(find(zones, 'demo.test', 'TXT')), [
    { type: 'TXT', strings: [Buffer.from('one')] },
    { type: 'TXT', strings: [Buffer.from('two three')] },
  ]);
  const mail = find(zones, 'mail.x.demo.test');
  assert.equal(mail?.kind === 'records' && mail.records[0]?.ttlSeconds, 3600);
  const six = find(zones, 'six.demo.test', 'AAAA');
  assert.equal(six?.kind === 'records' && six.records[0]?.ttlSeconds, 1);
  assert.equal(kindOf(zones, 'x.demo.test'), 'nodata');
});

test('a long text becomes several strings of one record (RFC 1035 §3.3)', () => {
  const text = 'x'.repeat(300);
  const zones = zonesOf({ dns: withRecords(`{ name: long, type: TXT, value: ${text} }`) });
  const [data] = shown(find(zones, 'long.demo.test', 'TXT')) as unknown as {
    strings: Buffer[];
  }[];
  assert.deepEqual(
    data?.strings.map((string) => string.length),
    [255, 45],
  );
});

test('an alias is given for every type but its own and ANY (RFC 1034 §3.6.2)', () => {
  const zones = zonesOf({ dns: withRecords('{ name: blog, type: CNAME, value: www.demo.test }') });
  const found = find(zones, 'blog.demo.test');
  assert.equal(found?.kind === 'cname' && found.target, 'www.demo.test');
  assert.equal(kindOf(zones, 'blog.demo.test', 'CNAME'), 'records');
  assert.equal(kindOf(zones, 'blog.demo.test', 'ANY'), 'records');
});

test('a wildcard stands for names that do not exist, of the closest encloser only (RFC 4592 §2.2.1)', () => {
  // The zone of that section, and a host of a site in it.
  const zones = zonesOf({
    hosts: '[host1.demo.test]',
    dns: withRecords(
      `{ name: "*", type: MX, value: 10 host1.demo.test }, { name: "*", type: TXT, value: this is a wildcard },
       { name: _ssh._tcp.host1, type: SRV, value: 0 0 22 host1.demo.test },
       { name: subdel, type: NS, value: ns.example.com }`,
    ),
  });
  const owners = (name: string, type: keyof typeof recordTypes) => {
    const found = find(zones, name, type);
    return found?.kind === 'records' ? found.records.map((record) => record.name) : found?.kind;
  };
  assert.deepEqual(owners('host3.demo.test', 'MX'), ['host3.demo.test']);
  assert.deepEqual(owners('foo.bar.demo.test', 'TXT'), ['foo.bar.demo.test']);
  assert.equal(owners('host3.demo.test', 'A'), 'nodata');
  assert.equal(owners('host1.demo.test', 'MX'), 'nodata');
  assert.equal(owners('_tcp.host1.demo.test', 'TXT'), 'nodata');
  assert.equal(owners('_telnet._tcp.host1.demo.test', 'SRV'), 'nxdomain');
  assert.equal(owners('host.subdel.demo.test', 'MX'), 'referral');
  assert.deepEqual(owners('*.demo.test', 'MX'), ['*.demo.test']);
  assert.equal(owners('ghost.*.demo.test', 'MX'), 'nxdomain');
});

test('a wildcard may be an alias, and is one under the name that was asked for', () => {
  const zones = zonesOf({
    dns: withRecords('{ name: "*.apps", type: CNAME, value: www.demo.test }'),
  });
  const found = find(zones, 'a.b.apps.demo.test');
  assert.ok(found?.kind === 'cname' && found.target === 'www.demo.test');
  assert.equal(found.record.name, 'a.b.apps.demo.test');
  assert.equal(kindOf(zones, 'apps.demo.test'), 'nodata');
});

test('an ALIAS is answered with the PoPs of its host, at the apex and at a wildcard too', () => {
  const zones = zonesOf({
    dns: withRecords(
      '{ name: "@", type: ALIAS, value: WWW.demo.test }, { name: "*.apps", type: ALIAS, value: www.demo.test }',
    ),
  });
  for (const name of ['demo.test', 'a.apps.demo.test']) {
    assert.deepEqual(
      steeringOf(zones, name, 'AAAA'),
      { kind: 'pops', host: 'www.demo.test' },
      name,
    );
  }
  assert.equal(kindOf(zones, 'demo.test', 'SOA'), 'records');
  assert.deepEqual(steeringOf(zones, '_why.demo.test', 'TXT'), {
    kind: 'why',
    host: 'www.demo.test',
  });
});

test('all names below a DNAME are redirected, itself not (RFC 6672 §2.3)', () => {
  const zones = zonesOf({
    dns: withRecords(
      `{ name: old, type: DNAME, value: new.example.org }, { name: long, type: DNAME, value: ${'abcdefg.'.repeat(30)}test }`,
    ),
  });
  const found = find(zones, 'a.b.old.demo.test');
  assert.ok(found?.kind === 'dname' && found.target === 'a.b.new.example.org');
  assert.equal(kindOf(zones, 'old.demo.test'), 'nodata');
  assert.equal(kindOf(zones, 'old.demo.test', 'ANY'), 'records');
  const long = find(zones, 'abcdefghijkl.long.demo.test');
  assert.ok(long?.kind === 'dname' && long.target === undefined);
});

test('the hosts that MX and SRV name come with their addresses, once (RFC 1035 §3.3.9)', () => {
  const zones = zonesOf({
    dns: withRecords(
      '{ name: "@", type: MX, value: [10 mail.demo.test, 20 mail.demo.test, 30 mail.example.org] }, { name: mail, type: A, value: 192.0.2.25 }, { name: _x._tcp, type: SRV, value: 0 0 1 mail.demo.test }',
    ),
  });
  for (const [name, type] of [
    ['demo.test', 'MX'],
    ['_x._tcp.demo.test', 'SRV'],
  ] as const) {
    const found = find(zones, name, type);
    assert.deepEqual(
      found?.kind === 'records' && found.additionals.map(({ data }) => data),
      [{ type: 'A', address: '192.0.2.25' }],
      name,
    );
  }
});

test('DS of a delegation is answered by this side of it (RFC 4035 §3.1.4.1)', () => {
  const zones = zonesOf({
    dns: withRecords(
      '{ name: sub, type: NS, value: ns.example.org }, { name: sub, type: DS, value: 1 13 2 00ff }, { name: plain, type: NS, value: ns.example.org }',
    ),
  });
  assert.equal(kindOf(zones, 'sub.demo.test', 'DS'), 'records');
  assert.equal(kindOf(zones, 'plain.demo.test', 'DS'), 'nodata');
  assert.equal(kindOf(zones, 'x.sub.demo.test', 'DS'), 'referral');
});

test('a name at or below a delegation is referred, with the glue that the zone has (RFC 1034 §4.3.2)', () => {
  const zones = zonesOf({
    dns: withRecords(
      '{ name: sub, type: NS, value: [ns.sub.demo.test, ns.example.org] }, { name: ns.sub, type: A, value: 192.0.2.77 }',
    ),
  });
  for (const name of ['sub.demo.test', 'a.b.sub.demo.test', 'ns.sub.demo.test']) {
    const found = find(zones, name);
    assert.equal(found?.kind, 'referral', name);
    if (found?.kind !== 'referral') continue;
    assert.equal(found.authorities.length, 2);
    assert.deepEqual(
      found.additionals.map(({ data }) => data),
      [{ type: 'A', address: '192.0.2.77' }],
    );
  }
  assert.equal(kindOf(zones, 'demo.test', 'NS'), 'records');
});

test('ANY is answered with one RRset (RFC 8482 §4.1)', () => {
  const found = find(zonesOf(), 'demo.test', 'ANY');
  assert.equal(found?.kind, 'records');
  if (found?.kind !== 'records') return;
  assert.deepEqual([...new Set(found.records.map(({ data }) => typeName(typeOf(data))))], ['NS']);
});
