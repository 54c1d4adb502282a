/**
 * A signed zone behind real sockets, and validators to ask it with: the records of a normal zone, steered names, a wildcard,
 * delegations, and a second zone within the first.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import type { Clock } from '../../core/runtime/deps.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { makeKey, type StoredKey, type ZoneKeys, zoneKeysOf } from '../../geo-dns/dnssec/keys.ts';
import { createSignAnswer } from '../../geo-dns/dnssec/sign-answer.ts';
import { createSigner } from '../../geo-dns/dnssec/signer.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { createRespond, type Respond } from '../../geo-dns/respond.ts';
import { startServer } from '../../geo-dns/server.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { dnsNetwork, plainDns, standings } from './dns-network.ts';

const records = `[
  { name: "@", type: ALIAS, value: www.demo.test },
  { name: "@", type: MX, value: [10 Mail.demo.test, 20 mail.example.org] },
  { name: "@", type: CAA, value: 0 issue "ca.example.org" },
  { name: mail, type: A, value: [192.0.2.25, 192.0.2.9, 192.0.2.10] },
  { name: text, type: TXT, value: ['"two" "strings"', one] },
  { name: www, type: HTTPS, value: 1 . alpn=h2 ipv4hint=192.0.2.99 },
  { name: alias, type: CNAME, value: WWW.demo.test },
  { name: long, type: CNAME, value: alias.demo.test },
  { name: gone, type: CNAME, value: nothing.demo.test },
  { name: "*.wild", type: TXT, value: from the wildcard },
  { name: "*.apps", type: CNAME, value: www.demo.test },
  { name: a.b.ent, type: A, value: 192.0.2.1 },
  { name: old, type: DNAME, value: demo.test },
  { name: plain, type: NS, value: ns.plain.demo.test },
  { name: ns.plain, type: A, value: 192.0.2.77 },
  { name: odd, type: TYPE65280, value: '\\# 3 00ff00' },
  { name: _sip._tcp, type: SRV, value: 0 0 5060 MAIL.demo.test }]`.replaceAll('\n', ' ');

/** The zones demo.test and inner.demo.test, both signed. */
export const signedDns = plainDns
  // Two addresses of this machine, so that a test can ask from two places.
  .replace('[198.18.3.0/24]', '[198.18.3.0/24, 127.0.0.3/32]')
  .replace('[198.18.1.0/24,', '[198.18.1.0/24, 127.0.0.2/32,')
  .replace(
    'zone: demo.test\n    ttl: 30s',
    `zones: [{ name: demo.test, ttl: 30s, records: ${records} }, { name: inner.demo.test, records: [{ name: a, type: A, value: 192.0.2.4 }] }]`,
  );

export const keysOf = (...stored: StoredKey[]): ZoneKeys => zoneKeysOf(stored);

export interface SignedServer {
  port: number;
  keys: ZoneKeys;
  metricsText(): Promise<string>;
  respond: Respond;
  /** What answers from now on have passed through. */
  tamper(change: (answer: Buffer) => Buffer): void;
}

/** Starts the server; the validators' clock is real, so `clock` may only differ from it on purpose. */
export async function startSigned(
  t: TestContext,
  clock: Clock,
  keys: ZoneKeys = keysOf(makeKey('active', 0)),
): Promise<SignedServer> {
  const topology = dnsNetwork({ dns: signedDns });
  const node = topology.dns[0] ?? assert.fail();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const zones = buildZones(topology, node, {
    keys: new Map([
      ['demo.test', keys],
      ['inner.demo.test', keysOf(makeKey('active', 0))],
    ]),
  });
  const locate = createLocate({ places: node.geoip.places });
  const sign = createSignAnswer(createSigner({ clock, metrics }));
  const respond = createRespond({ clock, log: silentLog, metrics, sign }, () => ({
    zones,
    pops: standings(topology.pops),
    locate,
  }));
  let change = (answer: Buffer) => answer;
  const server = await startServer(
    { clock, log: silentLog, metrics },
    {
      listen: { host: '127.0.0.1', port: 0 },
      respond: (...query) => {
        const answer = respond(...query);
        return answer && change(answer);
      },
    },
  );
  t.after(() => server.close());
  return {
    port: parseHostPort(server.bound)?.port ?? assert.fail(),
    keys,
    metricsText: () => registry.text(),
    respond,
    tamper(next) {
      change = next;
    },
  };
}

/** A file for `delv -a` that trusts the active key of demo.test. */
export function anchorFile(t: TestContext, { active }: ZoneKeys): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-anchor-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'anchor');
  const key = active.dnskey.subarray(4).toString('base64');
  writeFileSync(file, `trust-anchors { demo.test. static-key 257 3 13 "${key}"; };\n`);
  return file;
}
