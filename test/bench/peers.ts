/**
 * The caches that are measured side by side: an edge of ours with one worker, nginx and Varnish with one worker each, all in front of
 * the same origin, on one core. nginx keeps bodies on disk (in the page cache), the others in memory; nginx writes a
 * buffered access log, as the edge does.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDescendants } from './cpu.ts';

export interface Peer {
  name: string;
  port: number;
  /** All its processes. */
  processIds(): number[];
  stop(): void;
}

export interface PeerPlan {
  folder: string;
  originPort: number;
  host: string;
  /** The core that the peer is pinned to. */
  core: number;
}

/** Starts the peers that this machine has; says on stderr which it has not. */
export async function startPeers(plan: PeerPlan): Promise<Peer[]> {
  const peers = [startEdge(plan, 18701)];
  if (has('nginx')) peers.push(startNginx(plan, 18711));
  else process.stderr.write('nginx is not installed: left out\n');
  if (has('varnishd')) peers.push(startVarnish(plan, 18721));
  else process.stderr.write('varnish is not installed: left out\n');
  await Promise.all(peers.map(({ port }) => answers(port, plan.host)));
  return peers;
}

function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

function launch(name: string, port: number, core: number, command: string[], env = {}): Peer {
  const child: ChildProcess = spawn('taskset', ['-c', String(core), ...command], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  return {
    name,
    port,
    processIds: () => (child.pid === undefined ? [] : withDescendants(child.pid)),
    stop: () => void child.kill('SIGTERM'),
  };
}

function startEdge({ folder, originPort, host, core }: PeerPlan, port: number): Peer {
  const file = path.join(folder, 'breakwater.yaml');
  writeFileSync(
    file,
    `network: bench
dataDir: ./data
secret: bench-secret
sites:
  - { hosts: [${host}], origins: [{ url: "http://127.0.0.1:${originPort}" }] }
pops:
  - { id: edge, location: { latitude: 0, longitude: 0 }, listen: 127.0.0.1:${port}, admin: 127.0.0.1:${port + 1},
      advertise: [127.0.0.1], workers: 1 }
purge: { listen: 127.0.0.1:${port + 2}, admin: 127.0.0.1:${port + 3}, tokens: [] }
`,
  );
  const cli = path.join(import.meta.dirname, '../../infra/cli/main.ts');
  return launch('breakwater', port, core, [
    process.execPath,
    cli,
    'edge',
    '-c',
    file,
    '--id',
    'edge',
  ]);
}

function startNginx({ folder, originPort, host, core }: PeerPlan, port: number): Peer {
  const file = path.join(folder, 'nginx.conf');
  mkdirSync(path.join(folder, 'nginx-cache'), { recursive: true });
  writeFileSync(
    file,
    `daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx-error.log;
events { worker_connections 4096; }
http {
  access_log ${folder}/nginx-access.log combined buffer=64k flush=1s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  proxy_cache_path ${folder}/nginx-cache keys_zone=z:10m max_size=1g;
  server {
    listen 127.0.0.1:${port}; server_name ${host};
    location / {
      proxy_pass http://127.0.0.1:${originPort}; proxy_cache z; proxy_set_header Host $host;
      add_header X-Cache $upstream_cache_status; add_header X-Cache-Pop edge;
      add_header X-Request-Id $request_id; add_header Via "1.1 edge"; add_header Cache-Status "edge; hit";
    }
  }
}
`,
  );
  return launch('nginx', port, core, ['nginx', '-c', file, '-e', `${folder}/nginx-error.log`]);
}

function startVarnish({ folder, originPort, core }: PeerPlan, port: number): Peer {
  const command = ['varnishd', '-F', '-a', `127.0.0.1:${port}`, '-b', `127.0.0.1:${originPort}`];
  const options = ['-n', path.join(folder, 'varnish'), '-s', 'malloc,256m', '-T', 'none'];
  return launch('varnish', port, core, [...command, ...options]);
}

async function answers(port: number, host: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const status = await ask(port, host).catch(() => 0);
    if (status === 200) return;
    await sleep(50);
  }
  throw new Error(`nothing answers on port ${port}`);
}

function ask(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/1k', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
  });
}
