/** Knot DNS on a free port with one zone, for comparison. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { exchangeUdp } from './dns-client.ts';
import { buildQuery } from './dns-messages.ts';

export interface Knot {
  ask(query: Buffer): Promise<Buffer>;
}

/** Resolves when Knot answers for `zone`; rejects with what it said when it cannot. */
export async function startKnot(t: TestContext, zone: string, text: string): Promise<Knot> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-knot-'));
  writeFileSync(path.join(folder, 'zone'), text);
  // A port that was free a moment ago may be somebody's by now.
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const { said, stop } = await runKnot(folder, zone, port);
    if (said === undefined) {
      t.after(async () => {
        await stop();
        rmSync(folder, { recursive: true });
      });
      return { ask: (query) => exchangeUdp(port, query) };
    }
    if (attempt >= 10 || !said.includes('already in use')) throw new Error(`knotd: ${said}`);
  }
}

/** One process; `said` is what it said when it has ended without answering. */
async function runKnot(folder: string, zone: string, port: number) {
  const configFile = path.join(folder, 'knot.conf');
  writeFileSync(configFile, configOf(folder, zone, port));
  // Where Debian has it is not on everybody's path.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn('knotd', ['-c', configFile], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  let isEnded = false;
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  void ended.then(() => {
    isEnded = true;
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const soa = buildQuery({ name: zone, type: 'SOA' });
  for (;;) {
    // Until it listens a datagram comes back as an error, and until it has the zone it refuses.
    const answer = await exchangeUdp(port, soa).catch(() => undefined);
    if (answer && (answer[3] ?? 0) % 16 === 0) return { said: undefined, stop };
    if (isEnded) return { said, stop };
    if (said.includes('failed to load')) {
      await stop();
      return { said, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function configOf(folder: string, zone: string, port: number): string {
  return `
server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
zone:
  - domain: ${zone}
    file: "${folder}/zone"
    zonefile-sync: -1
    journal-content: none
`;
}

/** A port that is free for UDP and TCP. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = createSocket('udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (isFree) socket.close();
    server.close();
    await once(server, 'close');
    if (isFree) return port;
  }
}
