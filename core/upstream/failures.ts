/**
 * From what went wrong on a connection to a failure of the port: which side, which kind. The client library's errors are
 * known by code and name here and nowhere else, so this file needs no import of it.
 */
import type { Failure, FailureKind } from './upstream.ts';

/** How far an exchange had come. */
export type Stage =
  /** No connection yet; nothing was sent. */
  | 'connecting'
  /** The request is being sent or was; no head of a final response yet. */
  | 'waiting'
  /** The head was accepted. */
  | 'body';

/** A failure of the upstream; not retryable unless said so. */
export function upstreamFailure(kind: FailureKind, cause: string, retryable = false): Failure {
  return { source: 'upstream', kind, retryable, cause };
}

/** The caller gave up; nothing is known about the upstream. */
export const abortedByCaller: Failure = {
  source: 'downstream',
  kind: 'aborted',
  retryable: false,
  cause: 'aborted by the caller',
};

/** The request's own body broke off. */
export class UploadError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UploadError';
  }
}

/** The failure that an error at a stage means; `mayResend` says whether a lost request could be sent again. */
export function failureOf(error: unknown, stage: Stage, mayResend: boolean): Failure {
  const { name, message, code = '' } = asError(error);
  const cause = code && !message.includes(code) ? `${message} (${code})` : message;
  if (name === 'UploadError' || code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return { source: 'downstream', kind: 'aborted', retryable: false, cause };
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return { source: 'internal', kind: 'framing', retryable: false, cause };
  }
  if (stage === 'connecting') return upstreamFailure('connect', cause, mayResend);
  const kind = kindOnConnection(name, code, message, stage);
  return upstreamFailure(kind, cause, kind === 'cut' && stage === 'waiting' && mayResend);
}

function kindOnConnection(
  name: string,
  code: string,
  message: string,
  stage: 'waiting' | 'body',
): FailureKind {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'framing';
  // Within a body this means fewer bytes than announced; in a head it stands for lengths that contradict each other.
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return stage === 'body' ? 'cut' : 'framing';
  if (name === 'HTTPParserError') return message.includes('EOF') ? 'cut' : 'framing';
  // What the parser refuses outside of a response: bytes that nobody asked for, a switch of protocols.
  if (code === 'UND_ERR_SOCKET' && message.startsWith('bad ')) return 'framing';
  return 'cut';
}

function asError(error: unknown): { name: string; message: string; code?: string } {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error) };
  const { name, message } = error;
  const { code } = error as NodeJS.ErrnoException;
  // An AggregateError (every address of a name failed) has an empty message.
  return { name, message: message || code || name, ...(code === undefined ? {} : { code }) };
}
