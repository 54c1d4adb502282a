import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseZoneFile } from '../../../core/dns/zone-file.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';

const parse = (text: string) => parseZoneFile(text, { apex: 'example.com', ttlSeconds: 30 });
/** The records as `owner ttl TYPE`; there must be no problem. */
function heads(text: string): string[] {
  const { records, problems } = parse(text);
  assert.deepEqual(problems, []);
  return records.map(({ owner, ttlSeconds, data }) => `${owner} ${ttlSeconds} ${data.type}`);
}
const problemsOf = (text: string) =>
  parse(text).problems.map(({ line, message }) => `${line}: ${message}`);

test('the example of RFC 1035 §5.3 is read', () => {
  const text = `
@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA
        MX      20      VAXA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32
`;
  const { records, problems } = parse(text);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    records.map(({ owner, data }) => `${owner} ${data.type}`),
    [
      'example.com SOA',
      'example.com NS',
      'example.com NS',
      'example.com MX',
      'example.com MX',
      'a.example.com A',
      'venera.example.com A',
      'venera.example.com A',
    ],
  );
  assert.deepEqual(records[0]?.data, {
    type: 'SOA',
    primary: 'VENERA.example.com',
    mailbox: 'Action\\.domains.example.com',
    serial: 20,
    refreshSeconds: 7200,
    retrySeconds: 600,
    expireSeconds: 3600000,
    minimumSeconds: 60,
  });
  assert.equal(records[5]?.line, 14);
});

test('TTL and class may be left out and stand in either order; units are read', () => {
  const text = [
    'a 1h IN A 192.0.2.1',
    'b IN 1h30m A 192.0.2.1',
    'c A 192.0.2.1',
    'd in a 192.0.2.1',
    'e 0 A 192.0.2.1',
    'f A 192.0.2.1',
  ];
  assert.deepEqual(heads(text.join('\n')), [
    'a.example.com 3600 A',
    'b.example.com 5400 A',
    'c.example.com 5400 A',
    'd.example.com 5400 A',
    'e.example.com 0 A',
    'f.example.com 0 A',
  ]);
});

test('$TTL holds for what follows and states none; before any, the zone’s own does (RFC 2308 §4)', () => {
  const text = 'a A 192.0.2.1\n$TTL 1d\nb A 192.0.2.1\nc 5 A 192.0.2.1\nd A 192.0.2.1';
  assert.deepEqual(heads(text), [
    'a.example.com 30 A',
    'b.example.com 86400 A',
    'c.example.com 5 A',
    'd.example.com 86400 A',
  ]);
});

test('$ORIGIN changes what relative names mean, and may be relative itself', () => {
  const text = [
    '$ORIGIN sub',
    'a CNAME b',
    '@ TXT x',
    '$ORIGIN example.com.',
    'c CNAME @',
    '*.d.example.com. A 192.0.2.1',
  ];
  const { records, problems } = parse(text.join('\n'));
  assert.deepEqual(problems, []);
  assert.deepEqual(
    records.map(({ owner }) => owner),
    ['a.sub.example.com', 'sub.example.com', 'c.example.com', '*.d.example.com'],
  );
  assert.deepEqual(records[0]?.data, { type: 'CNAME', target: 'b.sub.example.com' });
  assert.deepEqual(records[2]?.data, { type: 'CNAME', target: 'example.com' });
});

test('parentheses join lines, comments end with theirs, quotes keep both; CRLF is a line break', () => {
  const text = 'a TXT ( "one;(" ; two\r\n\r\n  three ) "f\\"our"\r\n  ; nothing\r\nb\tA\t192.0.2.1';
  const { records, problems } = parse(text);
  assert.deepEqual(problems, []);
  const [txt] = records;
  assert.deepEqual(txt?.data.type === 'TXT' && txt.data.strings.map((bytes) => bytes.toString()), [
    'one;(',
    'three',
    'f"our',
  ]);
  assert.equal(records[1]?.line, 5);
});

test('escapes within names have one form (RFC 1035 §5.1)', () => {
  const { records } = parse('A\\.b\\065\\032\\c A 192.0.2.1\n\\@ A 192.0.2.1');
  assert.deepEqual(
    records.map(({ owner }) => owner),
    ['a\\.ba\\032c.example.com', '@.example.com'],
  );
});

for (const [title, text, problem] of [
  ['a name outside', 'a.example.org. A 192.0.2.1', '1: "a.example.org" is not within example.com'],
  ['a name that only ends alike', 'xexample.com. A 192.0.2.1', /not within/],
  ['no owner to repeat', ' A 192.0.2.1', '1: there is no owner to repeat'],
  ['another class', 'a CH TXT x', /the class CH: only IN is served/],
  ['an unknown type', 'a BOGUS x', '1: "BOGUS" is no type of record'],
  ['no type', 'a 300 IN', '1: the type is missing'],
  ['a signed zone', 'a RRSIG A 13', /RRSIG is made by the server: give the zone unsigned/],
  ['$INCLUDE', '$INCLUDE /etc/passwd', /\$INCLUDE is not followed/],
  ['$GENERATE', '$GENERATE 1-2 a A 192.0.2.$', /\$GENERATE is not known/],
  ['$TTL without a TTL', '$TTL soon', /"soon" is no TTL/],
  ['$ORIGIN with two', '$ORIGIN a b', /\$ORIGIN has one value/],
  ['data that does not fit', 'a A 1.2.3', /^1: A: "1.2.3" is no IPv4 address/],
  ['a parenthesis too many', 'a TXT x )', /a "\)" without/],
  ['an open parenthesis', '\na TXT ( x\n\n', '2: a "(" without a ")"'],
  ['an open quote', 'a TXT "x\nb A 192.0.2.1', '1: a quote is not closed'],
] as const) {
  test(`not so: ${title}`, () => {
    const [first, ...more] = problemsOf(text);
    assert.deepEqual(more, []);
    if (typeof problem === 'string') assert.equal(first, problem);
    else assert.match(first ?? '', problem);
  });
}

test('all problems are told at once, each at its line, and do not spread to good lines', () => {
  const text = 'a A x\nb A 192.0.2.1\nx.org. A 192.0.2.1\n  A 192.0.2.2\nc TYPE1 \\# 1 00';
  assert.deepEqual(
    problemsOf(text).map((problem) => problem.slice(0, 2)),
    ['1:', '3:', '4:', '5:'],
  );
});

test('2,000 mutated files: what is wrong is a problem with a line of the file, never an exception', () => {
  const seed = 20261126;
  const random = createSeededRandom(seed);
  const pick = (below: number) => Math.floor(random.unit() * below);
  const whole = [
    '$ORIGIN example.com.\n$TTL 1h',
    '@ 5 IN SOA ns1 host\\.master ( 1 2 3 ; comment\n 4 5 )',
    '  NS ns1\n\t\tMX 10 mail.example.com.',
    'a\\032b TXT "one \\"two\\"" \\068 ü',
    'svc HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1 key667="x y"',
    'x TYPE65280 \\# 3 00ff 00\nc CAA 0 issue "ca.example"\nt TLSA 3 1 1 00ff',
  ].join('\n');
  const special = '"\\();$@.#= \n\t\r\0\u{1f600}9';
  for (let round = 0; round < 2000; round += 1) {
    let text = whole;
    for (let changes = 1 + pick(5); changes > 0; changes -= 1) {
      const at = pick(text.length);
      const inserted = [...special][pick([...special].length)] ?? '';
      const cut = [0, 0, 1, pick(20)][pick(4)] ?? 0;
      text = text.slice(0, at) + inserted + text.slice(at + cut);
    }
    const lines = text.split('\n').length;
    const { records, problems } = parse(text);
    for (const { line } of [...records, ...problems]) {
      assert.ok(line >= 1 && line <= lines, `seed ${seed} round ${round}`);
    }
  }
});
