/** Answers of a signed zone, judged by BIND's validator with a trust anchor. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../../../core/runtime/deps.ts';
import { makeKey, type StoredKey, type ZoneKeys } from '../../../geo-dns/dnssec/keys.ts';
import { rollKeys } from '../../../geo-dns/dnssec/rollover.ts';
import {
  anchorFile,
  keysOf,
  type SignedServer,
  startSigned,
} from '../../support/signed-network.ts';

const run = promisify(execFile);

/** What delv says about a name: the records that it trusts, and its judgement. */
async function delv(
  { port }: SignedServer,
  anchor: string,
  [name, type]: readonly [string, string],
  from = '127.0.0.1',
): Promise<string> {
  const { stdout, stderr } = await run('delv', [
    '@127.0.0.1',
    ...['-4', '-b', from, '-p', String(port), '-a', anchor, '+root=demo.test'],
    ...['-q', name, '-t', type],
  ]).catch((error: { stdout: string; stderr: string }) => error);
  return stdout + stderr;
}

async function setUp(t: TestContext, clock: Clock = systemClock, keys?: ZoneKeys) {
  const server = await startSigned(t, clock, keys);
  const anchor = anchorFile(t, server.keys);
  const ask = (name: string, type: string, from?: string) =>
    delv(server, anchor, [name, type], from);
  return { server, ask };
}

test('what is there validates: static, steered, aliases, wildcards, the zone within the zone', async (t) => {
  const { ask } = await setUp(t);
  const there: [name: string, type: string, shows: RegExp][] = [
    ['demo.test', 'SOA', /hostmaster/],
    ['demo.test', 'NS', /ns1\.demo\.test/],
    ['demo.test', 'MX', /10 mail\.demo\.test/i],
    ['demo.test', 'CAA', /0 issue "ca\.example\.org"/],
    ['demo.test', 'DNSKEY', /257 3 13/],
    ['demo.test', 'CDS', / 13 2 /],
    ['demo.test', 'CDNSKEY', /257 3 13/],
    ['demo.test', 'A', /192\.0\.2\.1/],
    ['demo.test', 'ANY', /RRSIG/],
    ['mail.demo.test', 'A', /192\.0\.2\.25/],
    ['text.demo.test', 'TXT', /"two" "strings"/],
    ['odd.demo.test', 'TYPE65280', /00FF00/],
    ['_sip._tcp.demo.test', 'SRV', /0 0 5060 mail/i],
    ['WWW.Demo.test', 'A', /192\.0\.2\.1/],
    ['www.demo.test', 'HTTPS', /ipv4hint=192\.0\.2\.1/],
    ['www.demo.test', 'NSEC', /A AAAA RRSIG NSEC/],
    ['_why.www.demo.test', 'TXT', /pop=par/],
    ['long.demo.test', 'A', /CNAME[\s\S]*CNAME[\s\S]*192\.0\.2\.1/],
    ['x.y.wild.demo.test', 'TXT', /from the wildcard/],
    ['*.wild.demo.test', 'TXT', /from the wildcard/],
    ['q.apps.demo.test', 'A', /CNAME[\s\S]*192\.0\.2\.1/],
    ['mail.old.demo.test', 'A', /DNAME[\s\S]*192\.0\.2\.25/],
    ['a.inner.demo.test', 'A', /192\.0\.2\.4/],
    ['inner.demo.test', 'DS', / 13 2 /],
  ];
  for (const [name, type, shows] of there) {
    const text = await ask(name, type);
    assert.match(text, /^; fully validated/m, `${name} ${type}: ${text}`);
    assert.doesNotMatch(text, /failed|unsigned/, `${name} ${type}: ${text}`);
    assert.match(text, shows, `${name} ${type}`);
  }
});

test('an answer for one client only validates as those for others do', async (t) => {
  const { ask } = await setUp(t);
  for (const [from, address] of [
    ['127.0.0.2', '192.0.2.1'],
    ['127.0.0.3', '192.0.2.3'],
  ] as const) {
    const text = await ask('alias.demo.test', 'A', from);
    assert.match(text, /^; fully validated/m);
    assert.match(text, new RegExp(`A\\s+${address.replaceAll('.', '\\.')}`));
    assert.doesNotMatch(text, /failed|unsigned/);
  }
  // Tokyo has no IPv6 address: nothing, for its clients only.
  assert.match(await ask('www.demo.test', 'AAAA', '127.0.0.3'), /negative response, fully val/);
  assert.match(await ask('www.demo.test', 'AAAA', '127.0.0.2'), /^; fully validated/m);
});

test('what is not there validates: names, types, empty non-terminals, below wildcards, unsigned delegations', async (t) => {
  const { ask } = await setUp(t);
  const nothing: [name: string, type: string, proof: RegExp][] = [
    ['nothing.demo.test', 'A', /nothing\.demo\.test\. RRSIG NSEC TYPE128/],
    ['a.b.c.demo.test', 'A', /RRSIG NSEC TYPE128/],
    ['nothing.inner.demo.test', 'A', /RRSIG NSEC TYPE128/],
    ['www.demo.test', 'TXT', /NSEC \\000\.www\.demo\.test\. A AAAA RRSIG NSEC HTTPS/],
    ['mail.demo.test', 'AAAA', /demo\.test\. A RRSIG NSEC$/m],
    ['ent.demo.test', 'A', /ent\.demo\.test\. RRSIG NSEC$/m],
    ['b.ent.demo.test', 'A', /ent\.demo\.test\. RRSIG NSEC$/m],
    ['x.wild.demo.test', 'A', /x\.wild\.demo\.test\. TXT RRSIG NSEC$/m],
    ['wild.demo.test', 'TXT', /wild\.demo\.test\. RRSIG NSEC$/m],
    ['mail.demo.test', 'RRSIG', /demo\.test\. A NSEC$/m],
    ['plain.demo.test', 'DS', /plain\.demo\.test\. NS RRSIG NSEC$/m],
  ];
  for (const [name, type, proof] of nothing) {
    const text = await ask(name, type);
    assert.match(text, /negative response, fully validated/, `${name} ${type}: ${text}`);
    assert.match(text, proof, `${name} ${type}`);
  }
  assert.match(await ask('gone.demo.test', 'A'), /fully validated[\s\S]*TYPE128/);
});

test('a changed answer is found out: an address, and a type denied that is there', async (t) => {
  const { server, ask } = await setUp(t);
  const real = Buffer.from([192, 0, 2, 25]);
  server.tamper((answer) => {
    const at = answer.indexOf(real);
    if (at >= 0) answer.writeUInt8(26, at + 3);
    return answer;
  });
  const text = await ask('mail.demo.test', 'A');
  assert.match(text, /resolution failed/);
  assert.doesNotMatch(text, /fully validated/);
  assert.match(await ask('text.demo.test', 'TXT'), /fully validated/);
  // The proof of what mail has, without its addresses.
  const bitmap = Buffer.from([0, 6, 0x40, 0, 0, 0, 0, 3]);
  let isChanged = false;
  server.tamper((answer) => {
    const at = answer.indexOf(bitmap);
    if (at >= 0) answer.writeUInt8(0, at + 2);
    isChanged ||= at >= 0;
    return answer;
  });
  assert.doesNotMatch(await ask('mail.demo.test', 'AAAA'), /fully validated/);
  assert.ok(isChanged);
});

const hourMs = 3_600_000;
const shifted = (hours: number): Clock => ({
  ...systemClock,
  nowMs: () => systemClock.nowMs() + hours * hourMs,
});

test('signatures hold for a clock that is an hour ahead or two days behind, and not much longer', async (t) => {
  for (const [hours, isValid] of [
    [0.9, true],
    [1.1, false],
    [-47, true],
    [-73, false],
  ] as const) {
    const { ask } = await setUp(t, shifted(hours));
    assert.equal(/fully validated/.test(await ask('mail.demo.test', 'A')), isValid, `${hours} h`);
  }
});

test('in each step of a rollover the zone validates by the old key, the new one, or both', async (t) => {
  let stored: StoredKey[] = [makeKey('active', 0)];
  const oldKey = keysOf(...stored);
  const seen: string[] = [];
  for (let step = 0; step < 4; step += 1) {
    const keys = keysOf(...stored);
    const server = await startSigned(t, systemClock, keys);
    for (const [who, anchored] of [
      ['old', oldKey],
      ['new', { ...keys, active: keys.published.at(-1) ?? keys.active }],
    ] as const) {
      const text = await delv(server, anchorFile(t, anchored), ['mail.demo.test', 'A']);
      if (/^; fully validated/m.test(text)) seen.push(`${step} ${who}`);
    }
    const rolled = rollKeys(stored, 0, true);
    if (rolled.ok) stored = rolled.keys;
  }
  assert.deepEqual(seen, ['0 old', '0 new', '1 old', '1 new', '2 old', '2 new', '3 new']);
});
