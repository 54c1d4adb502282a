/**
 * Structured logs: one JSON object a line on standard output, by pino. Every line names the service and
 * the node. Secrets never reach a line: fields with a telling name are redacted here once.
 */
import { type Logger, pino, destination as pinoDestination } from 'pino';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  service: string;
  node: string;
  level?: LogLevel;
  /** Bytes held back before a write; 0 writes each line at once. Access logs of busy nodes buffer. */
  bufferBytes?: number;
}

/** Creates the root log of a process or worker thread. */
export function createLog(options: LogOptions): Log {
  const stream = pinoDestination({
    fd: 1,
    sync: (options.bufferBytes ?? 0) === 0,
    minLength: options.bufferBytes ?? 0,
    // What is held back is written all the same within half a second.
    ...(options.bufferBytes ? { periodicFlush: 500 } : {}),
  });
  return pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, node: options.node },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: ['secret', 'token', '*.secret', '*.token', 'authorization', '*.authorization'],
    },
    stream,
  );
}

/**
 * The same log without the search for secrets, which costs more than the line itself: for records of fixed fields that
 * can hold none, such as access lines.
 */
export function withoutRedaction(log: Log): Log {
  return log.child({}, { redact: [] });
}

/** A log that says nothing, for tests. */
export const silentLog: Log = pino({ level: 'silent' });
