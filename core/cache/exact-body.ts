/**
 * A body whose length is known although its transfer does not tell it: a part in chunks, of which Content-Range says how many
 * bytes it has (RFC 9110 §14.4). One with more or fewer fails, as it would with a wrong Content-Length.
 */
import { upstreamFailure } from '../upstream/failures.ts';
import type { ResponseBody } from '../upstream/upstream.ts';

/** The body, failing unless it has exactly `lengthBytes`. */
export function exactBody(body: ResponseBody, lengthBytes: number): ResponseBody {
  // What was announced is counted where it is received.
  if (body.lengthBytes === lengthBytes) return body;
  let receivedBytes = 0;
  return {
    lengthBytes: body.lengthBytes,
    start(sink) {
      body.start({
        data(piece) {
          receivedBytes += piece.length;
          if (receivedBytes <= lengthBytes) return sink.data(piece);
          body.abort();
          sink.fail(wrongLength);
        },
        end: () => (receivedBytes === lengthBytes ? sink.end() : sink.fail(wrongLength)),
        fail: (failure) => sink.fail(failure),
      });
    },
    pause: () => body.pause(),
    resume: () => body.resume(),
    abort: () => body.abort(),
  };
}

/** Whether the body can have this length: it is the announced one, or none was announced. */
export function mayHaveLength(
  { lengthBytes: announced }: ResponseBody,
  lengthBytes: number,
): boolean {
  return announced === undefined || announced === lengthBytes;
}

export const wrongLength = upstreamFailure(
  'framing',
  'the length of the body is not that of its Content-Range',
);
