import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { TopologyError } from '../../../core/topology/load.ts';
import { assertZoneFiles, readZoneFiles } from '../../../core/topology/zone-files.ts';
import { dnsNetwork } from '../../support/dns-network.ts';

/** A network whose zone demo.test comes from a file with `content`; none is written when it is undefined. */
function setUp(t: TestContext, content: string | Buffer | undefined, hosts?: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-zone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'demo.zone');
  if (content !== undefined) writeFileSync(file, content);
  const server = (id: string) => `
  - { id: ${id}, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ${id}.demo.test, advertise: [192.0.2.53], zones: [{ name: demo.test, ttl: 10s, file: ${file} }] }`;
  const dns = server('ns1') + server('ns2');
  return { file, topology: dnsNetwork({ dns, ...(hosts === undefined ? {} : { hosts }) }) };
}

test('a good file gives its records, a TTL that it does not state being the zone’s', (t) => {
  const { topology } = setUp(t, 'a A 192.0.2.1\nwww TXT beside\n');
  const [node] = topology.dns;
  assert.ok(node);
  const read = readZoneFiles(topology, node).get('demo.test');
  assert.deepEqual(
    read?.ok && read.records.map(({ owner, ttlSeconds, at }) => [owner, ttlSeconds, at]),
    [
      ['a.demo.test', 10, 1],
      ['www.demo.test', 10, 2],
    ],
  );
  assertZoneFiles(topology);
});

test('what cannot be read and what contradicts are told together, as file and line, once', (t) => {
  const text = [
    '@ CNAME x.test.',
    'a BOGUS x',
    'www A 192.0.2.1',
    '@ SOA a b 1 1 1 1 1',
    '@ SOA a b 2 1 1 1 1',
    'b SOA a b 2 1 1 1 1',
  ];
  const { file, topology } = setUp(t, text.join('\n'));
  const expected = [
    /\(line 1\): the apex of a zone cannot be an alias: for a site of this network write ALIAS/,
    /\(line 2\): "BOGUS" is no type of record/,
    /\(line 3\): "www.demo.test" is a site's host/,
    /\(line 5\): a zone has one SOA/,
    /\(line 6\): an SOA stands at demo.test only/,
  ];
  assert.throws(
    () => assertZoneFiles(topology),
    (error) => {
      assert.ok(error instanceof TopologyError);
      const [head, ...lines] = error.message.split('\n');
      assert.equal(head, 'zone files: 5 problems');
      assert.equal(lines.length, expected.length);
      for (const [index, pattern] of expected.entries()) {
        assert.ok(lines[index]?.startsWith(`  ${file} (`), lines[index]);
        assert.match(lines[index] ?? '', pattern);
      }
      return true;
    },
  );
});

test('a file that is missing or not text is a problem', (t) => {
  const missing = setUp(t, undefined);
  assert.throws(
    () => assertZoneFiles(missing.topology),
    /demo\.zone \(line 1\): no such zone file/,
  );
  const binary = setUp(t, Buffer.from([0x61, 0xff, 0xfe]));
  assert.throws(() => assertZoneFiles(binary.topology), /is not UTF-8/);
});

test('a zone has records or a file, not both', () => {
  const dns = `
  - { id: ns1, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns1.demo.test, advertise: [192.0.2.53], zones: [{ name: demo.test, file: x, records: [{ name: a, type: A, value: 192.0.2.1 }] }] }`;
  assert.throws(() => dnsNetwork({ dns }), /file \(line \d+\): give "records" or "file", not both/);
});
