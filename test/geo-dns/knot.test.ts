/** Whole answers for zones from files, compared with those of Knot DNS, another reading of the same RFCs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createWriter } from '../../core/dns/buffer.ts';
import { type ResourceRecord, recordTypes, typeName, typeOf } from '../../core/dns/record.ts';
import { writeRecordData } from '../../core/dns/record-codec.ts';
import type { Random } from '../../core/runtime/deps.ts';
import { readZoneFiles } from '../../core/topology/zone-files.ts';
import { answer } from '../../geo-dns/answer.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { decodeMessage, encodeMessage, type Message } from '../../geo-dns/wire/message.ts';
import { decodeQuery } from '../../geo-dns/wire/query.ts';
import { loadZones } from '../../geo-dns/zone-source.ts';
import { buildQuery } from '../support/dns-messages.ts';
import { dnsNetwork } from '../support/dns-network.ts';
import { createSeededRandom } from '../support/fake-clock.ts';
import { startKnot } from '../support/knot.ts';

const apex = 'zone.example';
const head = `$TTL 300
@ 900 SOA ns1 hostmaster 7 7200 900 1209600 600
@ NS ns1
@ NS ns.elsewhere.example.
ns1 A 192.0.2.53
`;
/** What is hard to get right, in every zone. */
const fixed = `
mail A 192.0.2.25
mail AAAA 2001:db8::25
@ MX 10 mail
@ MX 20 *.w
deep.a.b.c TXT "below empty ones"
*.w A 192.0.2.1
*.w MX 5 mail
x.*.w TXT below
sub NS ns.sub
sub NS ns.other
sub DS 1 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns.sub A 192.0.2.77
ns.sub AAAA 2001:db8::77
ns.other A 192.0.2.78
c1 CNAME c2
c2 CNAME c3
c3 CNAME mail
loop1 CNAME loop2
loop2 CNAME loop1
lost CNAME nothing.c
away CNAME www.elsewhere.example.
into CNAME a.sub
wild CNAME a.w
*.cw CNAME mail
*.cx CNAME y.cx
d DNAME mail
e DNAME c
_s._tcp SRV 0 0 1 mail
odd TYPE65280 \\# 2 00FF
caa CAA 0 issue "ca.example"
svc HTTPS 1 . alpn=h2 port=8443
`;
/** Texts of data that two readers could take for different bytes. */
const texts = String.raw`
svc HTTPS 2 svc2 alpn="h2,h3" ipv6hint=2001:db8::1,2001:db8::2 ipv4hint=192.0.2.1 mandatory=alpn,ipv4hint
svc HTTPS 3 a.b. key667="x\032\"y\"" no-default-alpn alpn=h3 ech=AAEC port="53"
svc HTTPS 4 . alpn="f\\\\oo\\,bar,h2"
alias HTTPS 0 svc
svcb SVCB 1 Svc.Example. key65000
tlsa TLSA 3 1 1 ( 0123456789abcdef
   0123456789ABCDEF )
sshfp SSHFP 4 2 00ff00ff
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@zone.example!" .
naptr NAPTR 100 20 s SIP+D2U "" _sip._udp.Zone.example.
hinfo HINFO PC "some OS"
txt TXT "a;b" c "\"quoted\"" \"bare\" "\000\255\\" "" "\195\188"
txt TXT "one" "two" three
caa CAA 128 iodef "mailto:a@b.example"
caa CAA 0 issuewild ";"
num TYPE1 \# 4 c0000207
num2 TYPE15 \# 5 000a 016d 00
ttl 1h30m A 192.0.2.9
ttl2 2w3d4h5m6s IN A 192.0.2.9
$ORIGIN sub2.zone.example.
rel CNAME other
@ A 192.0.2.10
$ORIGIN zone.example.
esc\.aped A 192.0.2.11
\101bc A 192.0.2.12
`;

const labels = ['a', 'b', 'c', 'w', 'sub', 'mail', 'd', 'ns', 'x', '*'];
const questions = ['A', 'AAAA', 'MX', 'TXT', 'NS', 'SOA', 'CNAME', 'DS', 'SRV', 'DNAME'] as const;

function chooser(random: Random) {
  const below = (count: number) => Math.floor(random.unit() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] ?? assert.fail();
  const name = () => Array.from({ length: 1 + below(3) }, () => pick(labels)).join('.');
  return { below, pick, name };
}

/** Lines of random records; those that contradict what came before are taken out by the zone's own check. */
function randomLines(random: Random, count: number): string[] {
  const { below, pick, name } = chooser(random);
  const target = () => (below(4) === 0 ? `${name()}.elsewhere.example.` : name());
  const data = [
    () => `A 192.0.2.${below(250)}`,
    () => `AAAA 2001:db8::${below(250)}`,
    () => `TXT "${below(1000)}"`,
    () => `MX ${below(50)} ${target()}`,
    () => `CNAME ${target()}`,
    () => `SRV 0 0 ${below(100)} ${target()}`,
    () => (below(3) === 0 ? `NS ${target()}` : 'TXT x'),
    () => (below(6) === 0 ? `DNAME ${target()}` : 'TXT y'),
  ];
  return Array.from({ length: count }, () => `${name()} ${pick(data)()}`);
}

/** The text without the lines that are refused, and our server with it. */
function setUpOurs(t: TestContext, text: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-zone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'zone');
  const topology = dnsNetwork({
    dns: `
  - { id: ns1, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns1.demo.test, advertise: [192.0.2.53], zones: [{ name: ${apex}, file: ${file} }] }`,
  });
  const node = topology.dns[0] ?? assert.fail();
  const lines = text.split('\n');
  for (;;) {
    writeFileSync(file, lines.join('\n'));
    const read = readZoneFiles(topology, node).get(apex) ?? assert.fail();
    if (read.ok) break;
    const [{ line } = assert.fail()] = read.problems.slice(-1);
    lines[line - 1] = '';
  }
  const { zones } = loadZones(topology, node);
  const locate = createLocate({ places: [] });
  const ask = (query: Buffer): Buffer => {
    const incoming = decodeQuery(query);
    if (incoming.kind !== 'query') return assert.fail();
    const { message } = answer(incoming.query, [127, 0, 0, 1], { zones, pops: [], locate });
    return encodeMessage(message);
  };
  return { text: lines.join('\n'), ask };
}

/** A record as a text that is equal when the records are, whatever the case of their names. */
function shown({ name, ttlSeconds, data }: ResourceRecord): string {
  const writer = createWriter();
  writeRecordData(writer, data, false);
  const hex = writer.bytes.subarray(0, writer.length).toString('latin1').toLowerCase();
  const owner = name.toLowerCase();
  return `${owner} ${ttlSeconds} ${typeName(typeOf(data))} ${JSON.stringify(hex)}`;
}

function comparable({ header, questions: asked, answers, authorities, additionals }: Message) {
  const { rcode, authoritative, truncated } = header;
  const set = (records: readonly ResourceRecord[]) => [...new Set(records.map(shown))].sort();
  return {
    header: { rcode, authoritative, truncated },
    asked: asked[0]?.name,
    answers: set(answers),
    authorities: set(authorities),
    additionals: set(additionals),
  };
}

/** Upper and lower case by chance (0x20). */
function mixed(name: string, random: Random): string {
  return [...name].map((c) => (random.unit() < 0.5 ? c.toUpperCase() : c)).join('');
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`answers are those of Knot DNS, seed ${seed}`, async (t) => {
    const random = createSeededRandom(seed);
    const { below, pick, name } = chooser(random);
    const lines = seed === 1 ? [] : randomLines(random, 60);
    const ours = setUpOurs(t, `${head}${fixed}${lines.join('\n')}\n`);
    const knot = await startKnot(t, apex, ours.text);
    const owners = ours.text.split('\n').flatMap((line) => /^[^\s@;$]+/.exec(line) ?? []);
    for (let round = 0; round < 1500; round += 1) {
      const base = below(3) === 0 ? name() : pick(owners);
      const relative = [base, `${pick(labels)}.${base}`, base.split('.').slice(1).join('.')][
        below(3)
      ];
      const qname = mixed(relative ? `${relative}.${apex}` : apex, random);
      const type = pick(questions);
      const query = buildQuery({ name: qname, type, id: round + 1, udpSizeBytes: 1232 });
      const [a, b] = [ours.ask(query), await knot.ask(query)].map((bytes) =>
        comparable(decodeMessage(bytes)),
      );
      assert.deepEqual(a, b, `seed ${seed}: ${qname} ${type} in\n${ours.text}`);
    }
  });
}

test('data that two readers could take for different bytes is read as Knot reads it', async (t) => {
  const ours = setUpOurs(t, head + fixed + texts);
  assert.equal(ours.text, head + fixed + texts, 'nothing was taken out');
  const knot = await startKnot(t, apex, ours.text);
  for (const [name, code] of [
    ['odd', 65280],
    ['odd', 65281],
    ['mail', 65280],
    ['svc', recordTypes.HTTPS],
    ['alias', recordTypes.HTTPS],
    ['svcb', recordTypes.SVCB],
    ['tlsa', recordTypes.TLSA],
    ['sshfp', recordTypes.SSHFP],
    ['naptr', recordTypes.NAPTR],
    ['hinfo', recordTypes.HINFO],
    ['txt', recordTypes.TXT],
    ['caa', recordTypes.CAA],
    ['num', recordTypes.A],
    ['num2', recordTypes.MX],
    ['ttl', recordTypes.A],
    ['ttl2', recordTypes.A],
    ['rel.sub2', recordTypes.CNAME],
    ['sub2', recordTypes.A],
    ['esc\\.aped', recordTypes.A],
    ['ebc', recordTypes.A],
  ] as const) {
    const query = buildQuery({ name: `${name}.${apex}`, type: 'A' });
    query.writeUInt16BE(code, query.length - 11 - 4);
    const [a, b] = [ours.ask(query), await knot.ask(query)].map((bytes) =>
      comparable(decodeMessage(bytes)),
    );
    // What Knot adds of its own accord, the addresses of a service's target, is not asked for here.
    assert.deepEqual({ ...a, additionals: [] }, { ...b, additionals: [] }, `${name} ${code}`);
    assert.ok(a?.answers.length || name === 'mail' || code === 65281, `${name} ${code}`);
  }
});
