import assert from 'node:assert/strict';
import { test } from 'node:test';
import { txtStrings } from '../../core/dns/record.ts';
import { parseAddress } from '../../core/runtime/addresses.ts';
import { plainSteering, type SteeringRules } from '../../core/topology/steering-schema.ts';
import { type AnswerContext, type Answered, answer } from '../../geo-dns/answer.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import type { Standing } from '../../geo-dns/select.ts';
import { createTurns, type Turns } from '../../geo-dns/steering/turns.ts';
import { rcodes } from '../../geo-dns/wire/message.ts';
import { decodeQuery } from '../../geo-dns/wire/query.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { buildPlainQuery, buildQuery, type QueryBuilder } from '../support/dns-messages.ts';
import { type DnsNetworkOptions, dnsNetwork, plainDns, standings } from '../support/dns-network.ts';

interface Setting {
  network?: DnsNetworkOptions;
  pops?: Record<string, { standing?: Standing; load?: number }>;
  /** The resolver's address. */
  from?: string;
  /** Of www.demo.test. */
  steering?: Partial<SteeringRules>;
  turns?: Turns;
}

function contextOf({ network, pops, steering, turns }: Setting): AnswerContext {
  const topology = dnsNetwork(network);
  const node = topology.dns[0] ?? assert.fail();
  return {
    zones: buildZones(topology, node),
    pops: standings(topology.pops, pops),
    locate: createLocate({ places: node.geoip.places }),
    ...(steering
      ? { steering: new Map([['www.demo.test', { ...plainSteering, ...steering }]]) }
      : {}),
    ...(turns ? { turns } : {}),
  };
}

function ask(query: QueryBuilder | Buffer, setting: Setting = {}): Answered {
  const incoming = decodeQuery(Buffer.isBuffer(query) ? query : buildQuery(query));
  assert.equal(incoming.kind, 'query');
  if (incoming.kind !== 'query') return assert.fail();
  const resolver = parseAddress(setting.from ?? '198.18.1.53')?.bytes ?? assert.fail();
  return answer(incoming.query, resolver, contextOf(setting));
}

const addressesOf = ({ message }: Answered) =>
  message.answers.flatMap(({ data }) => ('address' in data ? [data.address] : []));
const scopeOf = ({ message }: Answered) => message.edns?.clientSubnet?.scopePrefixLength;
const codeOf = ({ message }: Answered) => message.header.rcode;
const negativeTtlOf = ({ message }: Answered) => {
  const [soa] = message.authorities;
  return soa?.data.type === 'SOA' ? soa.ttlSeconds : undefined;
};

test('a client is sent to the PoP next to its subnet, all its addresses, with the TTL of the zone', () => {
  const answered = ask({ subnet: '198.18.3.0/24' });
  assert.deepEqual(addressesOf(answered), ['192.0.2.3', '192.0.2.4']);
  assert.equal(answered.message.answers[0]?.ttlSeconds, 30);
  assert.ok(answered.message.header.authoritative && answered.message.header.isResponse);
  assert.equal(answered.zone, 'demo.test');
  assert.equal(answered.handedOut?.selection.reason, 'nearest');
});

test('without a client subnet the resolver’s place counts, and the answer has none (RFC 7871 §7.2.1)', () => {
  const answered = ask({}, { from: '198.18.3.53' });
  assert.equal(addressesOf(answered)[0], '192.0.2.3');
  assert.ok(answered.message.edns && !answered.message.edns.clientSubnet);
  const plain = ask(buildPlainQuery('www.demo.test'), { from: '198.18.1.53' });
  assert.equal(addressesOf(plain)[0], '192.0.2.1');
  assert.equal(plain.message.edns, undefined);
});

test('the option comes back with family, source and address as sent, and the scope (RFC 7871 §7.2.1)', () => {
  const { message } = ask({ subnet: '198.18.3.128/25' });
  assert.deepEqual(message.edns?.clientSubnet, {
    family: 4,
    bytes: [198, 18, 3, 128],
    sourcePrefixLength: 25,
    scopePrefixLength: 24,
  });
});

const scopes: [title: string, subnet: string, setting: Setting, scope: number][] = [
  ['of a configured place is its network', '198.18.3.0/24', {}, 24],
  ['is the same from any address of that network', '198.18.3.200/32', {}, 24],
  ['may be longer than what the resolver told: ask with more', '198.18.0.0/16', {}, 24],
  ['around places keeps clear of them', '198.18.2.0/24', {}, 24],
  ['far from places is as wide as the region', '41.1.2.0/24', {}, 8],
  ['of IPv6 is counted in its 128 bits', '2001:db8:1::/56', {}, 48],
  ['of a region next to no place is its whole block', '2a01:4f8::/32', {}, 11],
  [
    'of one PoP left is everybody',
    '198.18.3.0/24',
    { pops: { par: { standing: 'unhealthy' }, nyc: { standing: 'draining' } } },
    0,
  ],
  [
    'of fail open is still that of the place',
    '198.18.3.0/24',
    {
      pops: {
        par: { standing: 'unhealthy' },
        nyc: { standing: 'unhealthy' },
        tyo: { standing: 'unhealthy' },
      },
    },
    24,
  ],
  ['for a client that hides itself is everybody', '0.0.0.0/0', {}, 0],
];
for (const [title, subnet, setting, scope] of scopes) {
  test(`the scope ${title} (RFC 7871 §7.2.1)`, () => {
    assert.equal(scopeOf(ask({ subnet }, setting)), scope);
  });
}

test('a client that hides itself is taken to be where its resolver is (RFC 7871 §7.1.2)', () => {
  const answered = ask({ subnet: '0.0.0.0/0' }, { from: '198.18.3.53' });
  assert.equal(addressesOf(answered)[0], '192.0.2.3');
});

test('a subnet that is nowhere, such as a private one, leaves the resolver’s place', () => {
  const answered = ask({ subnet: '10.1.2.0/24' }, { from: '198.18.3.53' });
  assert.equal(addressesOf(answered)[0], '192.0.2.3');
  assert.equal(scopeOf(answered), 8);
  assert.equal(answered.handedOut?.basis, 'resolver');
});

test('what does not depend on the client has scope 0: static records, nothing, refusals (RFC 7871 §7.2.1)', () => {
  const subnet = '198.18.3.0/24';
  for (const [name, type] of [
    ['demo.test', 'SOA'],
    ['nothing.demo.test', 'A'],
    ['www.demo.test', 'TXT'],
    ['example.org', 'A'],
  ] as const) {
    assert.equal(scopeOf(ask({ name, type, subnet })), 0, name);
  }
});

test('a PoP without an address of the family is NODATA with the SOA, for its clients only', () => {
  const answered = ask({ type: 'AAAA', subnet: '198.18.3.0/24' });
  assert.equal(codeOf(answered), rcodes.NOERROR);
  assert.equal(answered.message.answers.length, 0);
  assert.equal(negativeTtlOf(answered), 30);
  assert.equal(scopeOf(answered), 24);
  assert.equal(answered.handedOut, undefined);
  assert.deepEqual(addressesOf(ask({ type: 'AAAA', subnet: '198.18.1.0/24' })), ['2001:db8::1']);
});

test('ANY is answered with the addresses of one family (RFC 8482 §4.1)', () => {
  assert.deepEqual(addressesOf(ask({ type: 'ANY', subnet: '198.18.1.0/24' })), ['192.0.2.1']);
});

test('NXDOMAIN and NODATA come with the SOA and its negative TTL, authoritative (RFC 2308 §2)', () => {
  for (const [name, rcode] of [
    ['nothing.demo.test', rcodes.NXDOMAIN],
    ['_why.demo.test', rcodes.NXDOMAIN],
    ['www.demo.test', rcodes.NOERROR],
  ] as const) {
    const answered = ask({ name, type: 'TXT' });
    assert.equal(codeOf(answered), rcode, name);
    assert.equal(negativeTtlOf(answered), 30);
    assert.ok(answered.message.header.authoritative);
  }
});

test('names outside the zones, other classes and zone transfers are refused, without authority', () => {
  const chaos = buildPlainQuery('www.demo.test', 'TXT');
  chaos.writeUInt16BE(3, chaos.length - 2);
  for (const answered of [
    ask({ name: 'example.org' }),
    ask({ name: 'test' }),
    ask({ name: '' }),
    ask(chaos),
    ask({ name: 'demo.test', type: 'AXFR' }),
    ask({ name: 'demo.test', type: 'IXFR' }),
  ]) {
    assert.equal(codeOf(answered), rcodes.REFUSED);
    assert.equal(answered.message.header.authoritative, false);
    assert.equal(answered.message.answers.length + answered.message.authorities.length, 0);
  }
});

test('the question comes back in the case it was asked in (0x20)', () => {
  const { message } = ask({ name: 'wWw.DeMo.tEsT' });
  assert.equal(message.questions[0]?.name, 'wWw.DeMo.tEsT');
  assert.equal(message.answers.length, 1);
});

test('identifier, RD and DO are copied; AD, CD and RA are not set (RFC 1035 §4.1.1, RFC 3225 §3)', () => {
  const query = buildQuery({ id: 65535 });
  query.writeUInt16BE(0x0130, 2);
  query[query.length - 4] = 0x80;
  const { header, edns } = ask(query).message;
  assert.equal(header.id, 65535);
  assert.ok(header.recursionDesired && edns?.dnssecOk);
  assert.ok(!header.authenticData && !header.checkingDisabled && !header.recursionAvailable);
});

const aliases = (records: string): Setting => ({
  network: {
    dns: `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    name: ns1.demo.test
    advertise: [192.0.2.53]
    zones: [{ name: demo.test, records: [${records}] }]`,
  },
});

test('an alias is followed within our zones, to the PoPs too; the last name decides the code (RFC 6604 §3)', () => {
  const setting = aliases(
    '{ name: blog, type: CNAME, value: www.demo.test }, { name: gone, type: CNAME, value: x.demo.test }, { name: out, type: CNAME, value: www.example.org }',
  );
  const blog = ask({ name: 'blog.demo.test', subnet: '41.0.0.0/24' }, setting);
  assert.deepEqual(
    blog.message.answers.map(({ data }) => data.type),
    ['CNAME', 'A'],
  );
  assert.equal(scopeOf(blog), 8);
  const gone = ask({ name: 'gone.demo.test' }, setting);
  assert.equal(codeOf(gone), rcodes.NXDOMAIN);
  assert.equal(gone.message.answers.length, 1);
  const out = ask({ name: 'out.demo.test' }, setting);
  assert.equal(codeOf(out), rcodes.NOERROR);
  assert.equal(out.message.answers.length, 1);
});

test('aliases that chase each other end, each given once', () => {
  const setting = aliases(
    '{ name: a, type: CNAME, value: b.demo.test }, { name: b, type: CNAME, value: a.demo.test }',
  );
  const { message, isEndless } = ask({ name: 'a.demo.test' }, setting);
  assert.deepEqual([message.answers.length, isEndless], [2, true]);
});

test('aliases are followed through eight names, and one more is left to the resolver', () => {
  const chain = Array.from({ length: 10 }, (_, n) => {
    return `{ name: c${n}, type: CNAME, value: c${n + 1}.demo.test }`;
  });
  const setting = aliases(`${chain.join(', ')}, { name: c10, type: A, value: 192.0.2.1 }`);
  const long = ask({ name: 'c1.demo.test' }, setting);
  assert.deepEqual([long.message.answers.length, long.isEndless], [9, true]);
  const whole = ask({ name: 'c2.demo.test' }, setting);
  assert.deepEqual([whole.message.answers.length, whole.isEndless], [9, undefined]);
  assert.equal(addressesOf(whole)[0], '192.0.2.1');
  const outside = aliases('{ name: a, type: CNAME, value: www.example.org }');
  assert.equal(ask({ name: 'a.demo.test' }, outside).isEndless, undefined);
});

test('an ALIAS at the apex is answered as its host is, tailored, with scope', () => {
  const setting = aliases('{ name: "@", type: ALIAS, value: www.demo.test }');
  const answered = ask({ name: 'demo.test', subnet: '198.18.3.0/24' }, setting);
  assert.equal(answered.message.answers[0]?.name, 'demo.test');
  const host = ask({ subnet: '198.18.3.0/24' }, setting);
  assert.deepEqual(addressesOf(answered), addressesOf(host));
  assert.equal(scopeOf(answered), scopeOf(host));
  assert.equal(answered.handedOut?.host, 'www.demo.test');
});

test('address hints at a site’s host are those of the PoP that the client is sent to (RFC 9460 §7.3)', () => {
  const setting: Setting = {
    network: {
      dns: plainDns.replace(
        'zone: demo.test\n    ttl: 30s',
        'zones: [{ name: demo.test, records: [{ name: www, type: HTTPS, value: ["1 . mandatory=alpn,ipv6hint alpn=h2 ipv4hint=192.0.2.99 ipv6hint=2001:db8::99", 2 other.test ipv4hint=192.0.2.98, 3 . alpn=h3] }] }]',
      ),
    },
  };
  const bindings = (subnet: string) => {
    const answered = ask({ type: 'HTTPS', subnet }, setting);
    const params = answered.message.answers.map(({ data }) =>
      data.type === 'HTTPS'
        ? data.params.map(({ key, value }) => `${key}=${Buffer.from(value).toString('hex')}`)
        : [],
    );
    return { params, scope: scopeOf(answered), handedOut: answered.handedOut };
  };
  const paris = bindings('198.18.1.0/24');
  assert.deepEqual(paris.params[0], [
    '0=00010006',
    '1=026832',
    '4=c0000201',
    '6=20010db8000000000000000000000001',
  ]);
  assert.deepEqual([paris.scope, paris.handedOut], [24, undefined]);
  const tokyo = bindings('198.18.3.0/24');
  // Tokyo has two IPv4 addresses and no other.
  assert.deepEqual(tokyo.params, [
    ['0=0001', '1=026832', '4=c0000203c0000204'],
    ['4=c0000262'],
    ['1=026833'],
  ]);
});

test('an alias into a delegation is answered with the referral behind it, authoritative (RFC 1034 §4.3.2)', () => {
  const setting = aliases(
    '{ name: into, type: CNAME, value: a.sub.demo.test }, { name: sub, type: NS, value: ns.sub.demo.test }, { name: ns.sub, type: A, value: 192.0.2.7 }',
  );
  const { message } = ask({ name: 'into.demo.test' }, setting);
  assert.ok(message.header.authoritative);
  assert.deepEqual(
    [message.answers, message.authorities, message.additionals].map((list) =>
      list.map(({ data }) => data.type),
    ),
    [['CNAME'], ['NS'], ['A']],
  );
});

test('the alias that a DNAME means ends the answer to who asks for aliases', () => {
  const setting = aliases('{ name: old, type: DNAME, value: demo.test }');
  const { message } = ask({ name: 'nothing.old.demo.test', type: 'CNAME' }, setting);
  assert.equal(message.header.rcode, rcodes.NOERROR);
  assert.deepEqual(
    message.answers.map(({ data }) => data.type),
    ['DNAME', 'CNAME'],
  );
});

test('a name below a DNAME is answered with it and the alias that it means (RFC 6672 §3.1)', () => {
  const setting = aliases(
    `{ name: old, type: DNAME, value: demo.test }, { name: long, type: DNAME, value: ${'abcdefg.'.repeat(30)}test }`,
  );
  const { message } = ask({ name: 'WWW.old.demo.test', subnet: '198.18.3.0/24' }, setting);
  assert.deepEqual(message.answers.map(({ name, data }) => [name, data.type]).slice(0, 3), [
    ['old.demo.test', 'DNAME'],
    ['www.old.demo.test', 'CNAME'],
    ['www.demo.test', 'A'],
  ]);
  const tooLong = ask({ name: 'abcdefghijkl.long.demo.test' }, setting);
  assert.equal(codeOf(tooLong), rcodes.YXDOMAIN);
  assert.equal(tooLong.message.answers.length, 1);
});

test('a referral has no authority of ours (RFC 1034 §4.3.2)', () => {
  const setting = aliases('{ name: sub, type: NS, value: ns.example.org }');
  const { message } = ask({ name: 'x.sub.demo.test' }, setting);
  assert.equal(message.header.authoritative, false);
  assert.equal(message.authorities[0]?.data.type, 'NS');
});

test('_why.HOST tells place, source, distance and the PoPs that come next', () => {
  const query = { name: '_why.www.demo.test', type: 'TXT', subnet: '198.18.3.0/24' } as const;
  const { message, handedOut } = ask(query, {
    pops: { par: { standing: 'unhealthy' }, nyc: { load: 0.75 } },
  });
  const [why] = message.answers;
  assert.deepEqual(why?.data.type === 'TXT' && txtStrings(why.data), [
    'pop=tyo',
    'reason=nearest',
    'place=Tokyo',
    'source=places',
    'basis=subnet',
    'distance-km=0',
    'scope=24',
    'at=35.68,139.69',
    'within=24',
    'then=nyc distance-km=10850 load=0.75 load-km=500 in',
    'then=par distance-km=9713 unhealthy',
  ]);
  assert.equal(why?.ttlSeconds, 0);
  assert.equal(handedOut, undefined);
});

test('_why.HOST of a client that is nowhere says so', () => {
  const query = { name: '_why.www.demo.test', type: 'TXT', subnet: '198.19.1.0/24' } as const;
  const [why] = ask(query, { from: '127.0.0.1' }).message.answers;
  assert.deepEqual(why?.data.type === 'TXT' && txtStrings(why.data).slice(0, 5), [
    'pop=par',
    'reason=least-loaded',
    'place=unknown',
    'source=none',
    'basis=resolver',
  ]);
});

test('several answers are several PoPs, each with all its addresses', () => {
  const answered = ask({ subnet: '198.18.3.0/24' }, { steering: { answers: 2 } });
  assert.deepEqual(addressesOf(answered), ['192.0.2.3', '192.0.2.4', '192.0.2.1']);
});

test('in turn: each answer begins with the next PoP, A and AAAA each in their own turn; an explanation takes none', () => {
  const setting: Setting = { steering: { policy: 'round-robin' }, turns: createTurns() };
  const first = () => addressesOf(ask({ subnet: '198.18.3.0/24' }, setting))[0];
  assert.equal(first(), '192.0.2.1');
  const explained = ask({ name: '_why.www.demo.test', type: 'TXT' }, setting).message.answers[0];
  const strings = explained?.data.type === 'TXT' ? txtStrings(explained.data) : [];
  assert.ok(strings.includes('pop=nyc') && strings.includes('policy=round-robin'));
  assert.deepEqual(addressesOf(ask({ type: 'AAAA' }, setting)), ['2001:db8::1']);
  assert.deepEqual([first(), first(), first()], ['192.0.2.2', '192.0.2.3', '192.0.2.1']);
});

test('the scope of an answer by hash is the client’s /24 or /48, whatever its place is (RFC 7871 §7.2.1)', () => {
  const setting: Setting = { steering: { policy: 'hash' } };
  assert.equal(scopeOf(ask({ subnet: '41.1.2.0/24' }, setting)), 24);
  assert.equal(scopeOf(ask({ subnet: '2001:db8:1::/56' }, setting)), 48);
  assert.equal(scopeOf(ask({ subnet: '0.0.0.0/0' }, setting)), 0);
});

test('the scope of an answer that is the same for all is everybody: failover, round-robin (RFC 7871 §7.2.1)', () => {
  for (const policy of ['failover', 'round-robin'] as const) {
    const steering = { policy, order: ['par', 'nyc'] };
    assert.equal(scopeOf(ask({ subnet: '198.18.3.0/24' }, { steering })), 0, policy);
  }
});

test('without a client subnet the resolver’s network decides by hash', () => {
  const setting: Setting = { steering: { policy: 'hash' } };
  const bySubnet = addressesOf(ask({ subnet: '41.1.2.0/24' }, setting));
  assert.deepEqual(addressesOf(ask({}, { ...setting, from: '41.1.2.77' })), bySubnet);
});

test('an address that several PoPs share is answered once (RFC 2181 §5), to everybody', () => {
  const setting: Setting = { steering: { answers: 3 } };
  const context = contextOf(setting);
  const pops = context.pops.map((one) => ({
    ...one,
    pop: { ...one.pop, advertise: ['192.0.2.9'] },
  }));
  const incoming = decodeQuery(buildQuery({ subnet: '198.18.3.0/24' }));
  if (incoming.kind !== 'query') return assert.fail();
  const answered = answer(incoming.query, [198, 18, 1, 53], { ...context, pops });
  assert.deepEqual(addressesOf(answered), ['192.0.2.9']);
  assert.equal(scopeOf(answered), 0);
});
