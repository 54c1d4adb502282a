/** An origin with one resource in two kinds and many versions, which holds its answers back and gives them in many manners. */
import { resolveRange, wantedRange } from '../../../core/http/partial.ts';
import type { FakeCall } from '../../support/fake-upstream.ts';

/** How it answers. From the fifth on: with other bytes than were asked for, without their place, wrongly, or not at all. */
export const manners = [
  'well',
  'slowly',
  'in chunks',
  'whole',
  'with less',
  'with more',
  'of unknown size',
  'too short',
  'with an error',
] as const;
export type Manner = (typeof manners)[number];

const exact: ReadonlySet<Manner> = new Set(['well', 'slowly', 'in chunks', 'whole']);
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Every byte tells version and kind as well as its place. */
export function contentOf(version: number, kind: number, lengthBytes: number): string {
  const at = (i: number) => letters[(i * 7 + version * 5 + kind * 31) % letters.length];
  return Array.from({ length: lengthBytes }, (_, i) => at(i)).join('');
}

export interface Origin {
  /** Of all versions; the last is the latest. */
  lengths: number[];
  surrogateKey: string;
  /** The strong tag of a version. */
  tagOf(version: number, kind: number): string;
  /** Takes a request. */
  hold(call: FakeCall): void;
  isHolding(): boolean;
  /** Answers one of the requests, or sends the rest of an answer. */
  release(which: number, manner: Manner): void;
  /** Whether all answers so far had the bytes that were asked for. */
  hasBeenExact(): boolean;
}

interface Representation {
  content: string;
  etag: string | undefined;
  headers: string[];
}

export function createOrigin(tag: 'strong' | 'weak' | 'none'): Origin {
  const surrogateKey = 'files';
  const lengths = [60];
  const held: ((manner: Manner) => void)[] = [];
  let hasBeenExact = true;
  const tagOf = (version: number, kind: number) => `"v${version}k${kind}"`;
  const latest = (kind: number): Representation => {
    const version = lengths.length - 1;
    const strong = tagOf(version, kind);
    const etag = { strong, weak: `W/${strong}`, none: undefined }[tag];
    const headers = [
      'Cache-Control',
      'max-age=60',
      'Vary',
      'X-Kind',
      'Surrogate-Key',
      surrogateKey,
    ];
    if (etag !== undefined) headers.push('ETag', etag);
    return { content: contentOf(version, kind, lengths[version] ?? 0), etag, headers };
  };
  const answer = (call: FakeCall, manner: Manner) => {
    if (!exact.has(manner)) hasBeenExact = false;
    const rest = respond(call, latest(Number(call.field('x-kind') ?? 0)), manner);
    if (rest) held.push(rest);
  };
  return {
    lengths,
    surrogateKey,
    tagOf,
    hold: (call) => void held.push((manner) => answer(call, manner)),
    isHolding: () => held.length > 0,
    release(which, manner) {
      const [next] = held.splice(which % Math.max(1, held.length), 1);
      next?.(manner);
    },
    hasBeenExact: () => hasBeenExact,
  };
}

/** Answers by the rules of RFC 9110 §13 and §14, but for the manner. Returns what sends the rest. */
function respond(
  call: FakeCall,
  { content, etag, headers }: Representation,
  manner: Manner,
): (() => void) | undefined {
  if (manner === 'with an error') {
    call.respond({ status: 503, body: 'away' });
    return undefined;
  }
  if (etag !== undefined && call.field('if-none-match')?.includes(etag)) {
    call.respond({ status: 304, headers, body: '' });
    return undefined;
  }
  const condition = call.field('if-range');
  const isMet = condition === undefined || (condition === etag && !etag.startsWith('W/'));
  const wanted = isMet && manner !== 'whole' ? wantedRange(call.request.headers) : undefined;
  if (!wanted) return send(call, { status: 200, headers }, content, manner);
  const range = resolveRange(wanted, content.length);
  if (!range) {
    const unsatisfied = [...headers, 'Content-Range', `bytes */${content.length}`];
    call.respond({ status: 416, headers: unsatisfied, body: '' });
    return undefined;
  }
  const { start, end } = inManner(range, content.length, manner);
  const total = manner === 'of unknown size' ? '*' : content.length;
  const place = ['Content-Range', `bytes ${start}-${end}/${total}`];
  const head = { status: 206, headers: [...headers, ...place] };
  return send(call, head, content.slice(start, end + 1), manner);
}

function inManner({ start, end }: { start: number; end: number }, total: number, manner: Manner) {
  if (manner === 'with less') return { start, end: Math.floor((start + end) / 2) };
  if (manner !== 'with more') return { start, end };
  return { start: Math.max(0, start - 3), end: Math.min(total - 1, end + 5) };
}

function send(
  call: FakeCall,
  head: { status: number; headers: string[] },
  bytes: string,
  manner: Manner,
): (() => void) | undefined {
  if (manner === 'slowly') {
    const half = bytes.length / 2;
    const body = call.respond({ ...head, lengthBytes: bytes.length });
    body.push(bytes.slice(0, half));
    return () => {
      body.push(bytes.slice(half));
      body.end();
    };
  }
  // Of a whole in chunks nobody can tell that something is missing.
  const isShort = manner === 'too short' && head.status === 206;
  const isChunked = isShort || manner === 'in chunks';
  const body = isShort ? bytes.slice(0, -1) : bytes;
  call.respond({ ...head, ...(isChunked ? { lengthBytes: undefined } : {}), body });
  return undefined;
}
