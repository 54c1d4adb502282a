/** Debian's nats-server with a store of its own, which can be killed and started again on the same port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
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

/** Starts it. `more`: further lines of its configuration. Rejects where nats-server is not installed. */
export async function startNatsServer(more = ''): Promise<NatsServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-nats-'));
  const port = await freePort();
  const file = path.join(folder, 'nats.conf');
  const store = path.join(folder, 'store');
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}\nmax_payload: 4MB\njetstream { store_dir: "${store}" }\n${more}\n`,
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
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
