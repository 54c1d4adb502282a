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
    '{ name: www, type: https, value: 1 . alpn=h2 }',
    '{ name: "@", type: ALIAS, value: www.demo.test }',
    '{ name: "@", type: MX, value: [10 mail.demo.test, 20 mail.example.org.] }',
    '{ name: "@", type: CAA, value: 0 issue "ca.example.org" }',
    '{ name: "*.apps", type: CNAME, value: www.demo.test }',
    '{ name: "*", type: A, value: 192.0.2.1 }',
    `{ name: many, type: TXT, value: '"one" "two"' }`,
    `{ name: odd, type: TYPE65280, value: '\\# 2 00ff' }`,
    '{ name: sub, type: DS, value: 1 13 2 00ff }',
    '{ name: ns.sub, type: A, value: 192.0.2.3 }',
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
  ['an asterisk within a name', '{ name: "a.*", type: A, value: 192.0.2.1 }', /name: expected a/],
  [
    'data that does not fit',
    '{ name: a, type: MX, value: mail.x }',
    /no MX data such as 10 .*: the/,
  ],
  ['a signature', '{ name: a, type: RRSIG, value: x }', /type: expected A, AAAA, ALIAS, CAA/],
  ['an SOA', '{ name: "@", type: SOA, value: ". . 1 1 1 1 1" }', /type: expected A, AAAA/],
  [
    'an ALIAS to a stranger',
    '{ name: "@", type: ALIAS, value: x.test }',
    /no site has the host "x/,
  ],
  ['an ALIAS at a site’s host', '{ name: www, type: ALIAS, value: www.demo.test }', /site's host/],
  [
    'an ALIAS with two targets',
    '{ name: a, type: ALIAS, value: [www.demo.test, www.demo.test] }',
    /one target only/,
  ],
  [
    'a DNAME at a wildcard',
    '{ name: "*.a", type: DNAME, value: x.test }',
    /wildcard cannot have DN/,
  ],
  [
    'a wildcard that is delegated',
    '{ name: "*", type: NS, value: x.test }',
    /wildcard cannot have NS/,
  ],
  ['a DNAME to below itself', '{ name: a, type: DNAME, value: b.A.demo.test }', /never ends/],
  [
    'an ALIAS at the server’s own name',
    '{ name: ns1, type: ALIAS, value: www.demo.test }',
    /has addr/,
  ],
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

for (const [title, records, index, problem] of [
  [
    'an ALIAS beside addresses',
    '{ name: a, type: ALIAS, value: www.demo.test }, { name: a, type: A, value: 192.0.2.1 }',
    0,
    /"a.demo.test" has addresses already/,
  ],
  [
    'what a delegation hides',
    '{ name: sub, type: NS, value: x.test }, { name: a.b.sub, type: TXT, value: x }',
    1,
    /never answered: "sub.demo.test" is delegated away, and TXT is not of a delegation/,
  ],
  [
    'a wildcard as glue',
    '{ name: sub, type: NS, value: x.test }, { name: "*.sub", type: A, value: 192.0.2.1 }',
    1,
    /never answered: "sub.demo.test" is delegated away/,
  ],
  [
    'what a DNAME redirects',
    '{ name: old, type: DNAME, value: x.test }, { name: a.b.old, type: TXT, value: x }',
    1,
    /never answered: "old.demo.test" redirects/,
  ],
] as const) {
  test(`${title} is a problem at that record`, () => {
    const problems = problemsOf(records);
    assert.equal(problems.length, 1);
    assert.ok(problems[0]?.startsWith(`dns[0].zones[0].records[${index}].type: `), problems[0]);
    assert.match(problems[0] ?? '', problem);
  });
}

test('a delegation that takes a site’s host away is a problem', () => {
  const problems = problemsOf('{ name: sub, type: NS, value: x.test }', '[a.sub.demo.test]');
  assert.match(problems[0] ?? '', /delegated away, and the site's host "a.sub.demo.test" with it/);
});

test('a zone that is named twice is a problem', () => {
  const dns = `
  - { id: ns1, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns1.demo.test, advertise: [192.0.2.53], zones: [{ name: demo.test }, { name: Demo.test }] }`;
  assert.throws(() => dnsNetwork({ dns }), /zones\[1\]\.name \(line \d+\): the zone "demo.test"/);
});
