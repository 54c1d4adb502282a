/**
 * The writer thread of a caching node: hosts the disk writer, connects ports to it, passes messages. What it must do is in
 * `core/cache/disk-writer`.
 *
 * Invariant: an error that nobody expected ends this thread, is logged, and reaches the main thread, which ends the process:
 * a node whose disk tier is in an unknown state must start again.
 */
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ControlToWriter, ToWriter } from '../cache/disk-messages.ts';
import { createDiskWriter, type DiskWriter } from '../cache/disk-writer.ts';
import { createKeySpace } from '../cache/key.ts';
import { assertNever, systemClock } from '../runtime/deps.ts';
import { createLog } from '../runtime/log.ts';
import { createMetrics } from '../runtime/metrics.ts';
import type { FromWriterThread, ToWriterThread, WriterStart } from './writer-messages.ts';

if (!isMainThread && parentPort) run(parentPort, workerData as WriterStart);

function run(parent: MessagePort, start: WriterStart): void {
  const log = createLog({
    service: start.service,
    node: start.nodeId,
    ...(start.logLevel && { level: start.logLevel }),
  });
  process.on('uncaughtExceptionMonitor', (error) => {
    log.fatal({ err: error }, 'the writer of the disk cache failed; the node ends');
    log.flush();
  });
  const metrics = createMetrics();
  let keySpace = createKeySpace(start.sites);
  const tell = (message: FromWriterThread) => parent.postMessage(message);
  const writer = createDiskWriter(
    { clock: systemClock, log, metrics },
    {
      ...start.disk,
      normalise: {
        url: (text) => keySpace.normalise.url(text),
        prefix: (text) => keySpace.normalise.prefix(text),
      },
      onReport: tell,
    },
  );
  parent.on('message', (message: ToWriterThread) => {
    switch (message.type) {
      case 'connect':
        return connect(writer, message.port);
      case 'sites':
        keySpace = createKeySpace(message.sites);
        return;
      case 'snapshot':
        return void metrics.snapshot().then((snapshot) => {
          tell({ type: 'snapshot', call: message.call, metrics: snapshot });
        });
      case 'dry-run':
        return void dryRun(writer, message).then(tell);
      case 'hottest':
        return void findHottest(writer, message).then(tell);
      case 'close':
        writer.close();
        log.flush();
        tell({ type: 'applied', call: message.call });
        return parent.close();
      case 'apply':
      case 'reset':
      case 'flush':
      case 'stats':
      case 'entries':
        return void answer(writer, message).then(tell);
      default:
        return assertNever(message);
    }
  });
  tell({ type: 'ready', journal: writer.entriesFrom(0) });
}

/** A worker that ends closes its port; what it was writing is then given up. */
function connect(writer: DiskWriter, port: MessagePort): void {
  const connection = writer.connect({ post: (message) => port.postMessage(message) });
  port.on('message', (message: ToWriter) => connection.receive(message));
  port.on('close', () => connection.disconnect());
  // The main thread's port alone keeps this thread alive.
  port.unref();
}

function dryRun(
  writer: DiskWriter,
  { call, question, limitMs }: Extract<ToWriterThread, { type: 'dry-run' }>,
): Promise<FromWriterThread> {
  return writer.dryRun(question, limitMs).then(
    (finding) => ({ type: 'dry-ran' as const, call, finding }),
    (error: unknown) => ({ type: 'failed' as const, call, problem: (error as Error).message }),
  );
}

function findHottest(
  writer: DiskWriter,
  { call, question, limit, limitMs }: Extract<ToWriterThread, { type: 'hottest' }>,
): Promise<FromWriterThread> {
  return writer.hottest(question, limit, limitMs).then(
    (found) => ({ type: 'hottest' as const, call, found }),
    (error: unknown) => ({ type: 'failed' as const, call, problem: (error as Error).message }),
  );
}

function answer(writer: DiskWriter, message: ControlToWriter): Promise<FromWriterThread> {
  return writer.control(message).catch((error: unknown) => ({
    type: 'failed' as const,
    call: message.call,
    problem: (error as Error).message,
  }));
}
