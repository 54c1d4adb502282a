/**
 * An origin in a process of its own, so that a test can kill it. Every path answers with a text that names its start, and with
 * the Cache-Control that the query asks for: `/a?cc=max-age%3D1`.
 *
 * The file is both ends: run by Node itself it is the origin.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OriginProcess {
  readonly url: string;
  /** Ends it with SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** Starts the origin. It ends with the test's process at the latest. */
export async function startOriginProcess(): Promise<OriginProcess> {
  let port = 0;
  let starts = 0;
  let stop: () => Promise<void> = async () => {};
  const start = async () => {
    starts += 1;
    const child = fork(import.meta.filename, [String(port), String(starts)]);
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    stop = async () => {
      child.kill('SIGKILL');
      await gone;
    };
    port = await new Promise<number>((resolve, reject) => {
      child.once('message', (bound) => resolve(Number(bound)));
      child.once('exit', () => reject(new Error('the origin did not start')));
    });
  };
  await start();
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    kill: () => stop(),
    start,
  };
}

function runOrigin(port: number, startNumber: number): void {
  const server = createServer((req, res) => {
    const cacheControl = new URL(req.url ?? '', 'http://origin').searchParams.get('cc') ?? '';
    res.writeHead(200, { 'content-type': 'text/plain', 'cache-control': cacheControl });
    res.end(`of start ${startNumber}`);
  });
  server.listen(port, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit(0));
}

if (import.meta.main) runOrigin(Number(process.argv[2]), Number(process.argv[3]));
