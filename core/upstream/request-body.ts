/**
 * Carries a request's body to the connection without handing the client's own stream over: the client library destroys the
 * stream it sends from when an answer comes early, and with it the connection on which that answer should be given.
 *
 * Invariants: nothing is read from the source before the connection asks; a source that ends without `end` becomes an error
 * here, so that an aborted upload is never completed; after `release` the rest of the source is discarded as it comes, which
 * its owner may cut short by closing it.
 */
import { Readable } from 'node:stream';
import { UploadError } from './failures.ts';

export interface RelayedBody {
  /** For the connection; may be destroyed at any time. */
  readonly stream: Readable;
  /** Whether anything was taken from the source: from then on the request cannot be sent again. */
  readonly wasRead: boolean;
  /** Whether the connection waits for the source; false: it is the connection that does not take more. */
  readonly isStarved: boolean;
  /** The connection needs no more. Idempotent. */
  release(): void;
}

export function relayBody(source: Readable): RelayedBody {
  let wasRead = false;
  let isStarved = false;
  let isReleased = false;
  const stream = new Readable({
    read() {
      isStarved = true;
      if (wasRead) source.resume();
      else begin();
    },
    destroy(error, done) {
      release();
      done(error);
    },
  });
  const onData = (piece: Buffer) => {
    isStarved = false;
    if (!stream.push(piece)) source.pause();
  };
  const onEnd = () => {
    isStarved = false;
    stream.push(null);
  };
  const onBroken = (error?: Error) => {
    if (source.readableEnded || isReleased) return;
    stream.destroy(new UploadError(error?.message ?? 'the body ended too early'));
  };
  // Stays on for the life of the source: an error that nobody listens to would end the process.
  const onError = (error: Error) => onBroken(error);
  const onClose = () => onBroken();
  const begin = () => {
    wasRead = true;
    source.on('error', onError).on('data', onData).on('end', onEnd).on('close', onClose);
    if (source.readableEnded) onEnd();
    else if (source.destroyed) onBroken();
  };
  const release = () => {
    if (isReleased) return;
    isReleased = true;
    if (!wasRead) return;
    source.off('data', onData).off('end', onEnd).off('close', onClose);
    source.resume();
  };
  return {
    stream,
    get wasRead() {
      return wasRead;
    },
    get isStarved() {
      return isStarved;
    },
    release,
  };
}
