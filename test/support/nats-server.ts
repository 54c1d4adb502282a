/** Debian's nats-server with a store of its own, which can be killed and started again on the same port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../core/runtime/deps.ts';

export interface NatsServer {
  /** `127.0.0.1:PORT`. */
  address: string;
  folder: string;
  start(): Promise<void>;
  /** SIGKILL: nothing is said to anybody. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: connected, and silent. */
  pause(): Promise<void>;
  resume(): void;
  remove(): Promise<void>;
}

/** Three servers of one cluster. */
export async function startNatsCluster(): Promise<NatsServer[]> {
  const ports = await freePorts(6);
  const [clients, routes] = [ports.slice(0, 3), ports.slice(3)];
  const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  return Promise.all(
    clients.map((port, index) => {
      const cluster = `cluster { name: test, listen: 127.0.0.1:${routes[index]}, routes: [${urls}] }`;
      return startNatsServer(`server_name: n${index}\n${cluster}`, port);
    }),
  );
}

/** Starts it. `more`: further lines of its configuration. Rejects where nats-server is not installed. */
export async function startNatsServer(more = '', givenPort?: number): Promise<NatsServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-nats-'));
  const port = givenPort ?? (await freePort());
  const file = path.join(folder, 'nats.conf');
  const store = path.join(folder, 'store');
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}\n${more.includes('max_payload') ? '' : 'max_payload: 4MB'}\njetstream { store_dir: "${store}" }\n${more}\n`,
  );
  let child: ChildProcess | undefined;
  const kill = async () => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  };
  const start = async () => {
    // Debian keeps it where only root's PATH leads.
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    child = spawn('nats-server', ['-c', file], { stdio: 'ignore', env });
    await once(child, 'spawn');
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error('nats-server has ended at its start');
      await systemClock.sleep(10);
    }
  };
  await start();
  return {
    address: `127.0.0.1:${port}`,
    folder,
    start,
    kill,
    async pause() {
      child?.kill('SIGSTOP');
      while (!isStopped(child?.pid ?? 0)) await systemClock.sleep(1);
    },
    resume: () => void child?.kill('SIGCONT'),
    async remove() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The signal has arrived when every thread of the process stands; where there is no /proc, it is taken to have. */
function isStopped(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return true;
  return readdirSync(folder).every((task) =>
    /\) [Tt] /.test(readFileSync(path.join(folder, task, 'stat'), 'utf8')),
  );
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** Ports that nobody has; all are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}
