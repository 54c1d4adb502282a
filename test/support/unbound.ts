/** Unbound, a validating resolver with a cache, on a free port, that finds one zone at a server of ours and trusts its key. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { exchangeUdp } from './dns-client.ts';
import { buildQuery } from './dns-messages.ts';
import { freePorts } from './network/ports.ts';

export interface UnboundPlan {
  zone: string;
  /** Where the zone is served, on 127.0.0.1. */
  serverPort: number;
  /** The public key in Base64. */
  key: string;
}

/** Resolves with the port when Unbound answers. */
export async function startUnbound(t: TestContext, plan: UnboundPlan): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-unbound-'));
  const [port = 0] = await freePorts(1);
  const file = path.join(folder, 'unbound.conf');
  writeFileSync(file, configOf(folder, port, plan));
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn('unbound', ['-d', '-c', file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  });
  const query = buildQuery({ name: plan.zone, type: 'SOA' });
  for (;;) {
    // Until it listens a datagram comes back as an error.
    const answer = await exchangeUdp(port, query).catch(() => undefined);
    if (answer) return port;
    if (isEnded) throw new Error(`unbound: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function configOf(folder: string, port: number, { zone, serverPort, key }: UnboundPlan): string {
  return `
server:
    directory: "${folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: 127.0.0.1
    port: ${port}
    do-ip6: no
    do-not-query-localhost: no
    local-zone: "test." nodefault
    module-config: "validator iterator"
    aggressive-nsec: yes
    qname-minimisation: yes
    trust-anchor: "${zone}. IN DNSKEY 257 3 13 ${key}"
stub-zone:
    name: "${zone}"
    stub-addr: 127.0.0.1@${serverPort}
    stub-no-cache: no
`;
}
