import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopologyError } from '../../../core/topology/load.ts';
import { dnsNetwork } from '../../support/dns-network.ts';

/** The problems of a network whose zone demo.test has these records (YAML), as `path: message`. */
function problemsOf(records: string, hosts = '[www.demo.test]'): string[] {
  const dns = `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    name: ns1.demo.test
    advertise: [192.0.2.53]
    zones: [{ name: demo.test, records: [${records}] }]`;
  try {
    dnsNetwork({ dns, hosts });
    return [];
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    return error.problems.map((problem) => `${problem.path}: ${problem.message}`);
  }
}

test('records of every type are accepted, at the apex and below', () => {
  const records = [
    '{ name: "@", type: TXT, value: "v=spf1 -all" }',
    '{ name: "@", type: NS, value: ns.example.org. }',
    '{ name: mail, type: A, value: [192.0.2.1, 192.0.2.2] }',
    '{ name: mail, type: AAAA, value: "2001:db8::1" }',
    '{ name: _dmarc, type: TXT, value: "" }',
    '{ name: a.b, type: CNAME, value: www.demo.test }',
    '{ name: sub, type: NS, value: [ns.sub.demo.test] }',
    '{ name: www, type: TXT, value: beside the PoPs }',
  ];
  assert.deepEqual(problemsOf(records.join(', ')), []);
});

for (const [title, record, problem] of [
  [
    'an A record with a name',
    '{ name: a, type: A, value: example.org }',
    /value: "example.org" is no IPv4/,
  ],
  ['an AAAA record with IPv4', '{ name: a, type: AAAA, value: 192.0.2.1 }', /is no IPv6 address/],
  [
    'one wrong value among right ones',
    '{ name: a, type: A, value: [192.0.2.1, x] }',
    /"x" is no IPv4/,
  ],
  [
    'an alias with two targets',
    '{ name: a, type: CNAME, value: [x.test, y.test] }',
    /one target only/,
  ],
  ['an alias to no name', '{ name: a, type: CNAME, value: "a b" }', /no whole domain name/],
  [
    'a text beyond all bounds',
    `{ name: a, type: TXT, value: ${'x'.repeat(4001)} }`,
    /at most 4,000 bytes/,
  ],
  ['a wildcard', '{ name: "*", type: A, value: 192.0.2.1 }', /name: wildcards are not answered/],
  ['a name with a final dot', '{ name: a., type: A, value: 192.0.2.1 }', /without the zone/],
  ['an alias at the apex', '{ name: "@", type: CNAME, value: x.test }', /apex of a zone cannot be/],
  [
    'an address at a site’s host',
    '{ name: WWW, type: A, value: 192.0.2.1 }',
    /type: "www.demo.test" is a site's host/,
  ],
  ['an alias at a site’s host', '{ name: www, type: CNAME, value: x.test }', /is a site's host/],
  ['a delegation of a site’s host', '{ name: www, type: NS, value: x.test }', /is a site's host/],
  [
    'an alias at the server’s own name',
    '{ name: ns1, type: CNAME, value: x.test }',
    /other records/,
  ],
] as const) {
  test(`${title} is a problem at its key`, () => {
    const problems = problemsOf(record);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^dns\[0\]\.zones\[0\]\.records\[0\]/);
    assert.match(problems[0] ?? '', problem);
  });
}

test('an alias beside other records is a problem, at the alias (RFC 2181 §10.1)', () => {
  const problems = problemsOf(
    '{ name: a, type: TXT, value: x }, { name: A, type: CNAME, value: x.test }',
  );
  assert.deepEqual(problems, [
    'dns[0].zones[0].records[1].type: "a.demo.test" has other records, so it cannot be an alias',
  ]);
});

test('a zone that is named twice is a problem', () => {
  const dns = `
  - { id: ns1, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns1.demo.test, advertise: [192.0.2.53], zones: [{ name: demo.test }, { name: Demo.test }] }`;
  assert.throws(() => dnsNetwork({ dns }), /zones\[1\]\.name \(line \d+\): the zone "demo.test"/);
});
