/**
 * SipHash-2-4: a keyed hash of short inputs that nobody without the key can predict or make collide. Server cookies are
 * made of it (RFC 9018 §4.4), and the table of the rate limiter is indexed by it, so that no flood can aim at a slot.
 *
 * The 64-bit words are pairs of 32-bit halves, low half first: BigInt would cost an allocation for each operation.
 */

/** The 64 bits of a hash; both halves unsigned. */
export interface Hash64 {
  low: number;
  high: number;
}

export type SipHash = (bytes: ArrayLike<number>) => Hash64;

/** v0 to v3, low and high halves in turn. */
type State = Int32Array;

/** "somepseudorandomlygeneratedbytes", as the authors chose them. */
const initial = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
];

/** The hash under a key of 16 bytes. */
export function createSipHash(key: Uint8Array): SipHash {
  if (key.length !== 16) throw new Error(`a SipHash key has 16 bytes, not ${key.length}`);
  const start = new Int32Array(8);
  for (let at = 0; at < 8; at += 1) {
    // Key words 0 and 1 alternate: v0 and v2 take the first, v1 and v3 the second.
    start[at] = (initial[at] ?? 0) ^ wordAt(key, (at & 3) * 4);
  }
  const state: State = new Int32Array(8);
  return (bytes) => {
    state.set(start);
    absorb(state, bytes);
    state[4] = half(state, 4) ^ 0xff;
    for (let n = 0; n < 4; n += 1) round(state);
    const fold = (at: 0 | 1) =>
      (half(state, at) ^ half(state, at + 2) ^ half(state, at + 4) ^ half(state, at + 6)) >>> 0;
    return { low: fold(0), high: fold(1) };
  };
}

/** All whole words, then the rest with the length in the last byte. */
function absorb(state: State, bytes: ArrayLike<number>): void {
  const { length } = bytes;
  const whole = length & ~7;
  for (let at = 0; at < whole; at += 8) compress(state, wordAt(bytes, at), wordAt(bytes, at + 4));
  compress(state, wordAt(bytes, whole), wordAt(bytes, whole + 4) | (length << 24));
}

function compress(state: State, low: number, high: number): void {
  state[6] = half(state, 6) ^ low;
  state[7] = half(state, 7) ^ high;
  round(state);
  round(state);
  state[0] = half(state, 0) ^ low;
  state[1] = half(state, 1) ^ high;
}

function round(state: State): void {
  mix(state, 0, 2, 13);
  rotate(state, 0, 32);
  mix(state, 4, 6, 16);
  mix(state, 0, 6, 21);
  mix(state, 4, 2, 17);
  rotate(state, 4, 32);
}

/** `a += b; b = (b <<< bits) ^ a` */
function mix(state: State, a: number, b: number, bits: number): void {
  const low = (half(state, a) >>> 0) + (half(state, b) >>> 0);
  const carry = low > 0xffffffff ? 1 : 0;
  state[a] = low;
  state[a + 1] = half(state, a + 1) + half(state, b + 1) + carry;
  rotate(state, b, bits);
  state[b] = half(state, b) ^ half(state, a);
  state[b + 1] = half(state, b + 1) ^ half(state, a + 1);
}

/** By 32 bits or fewer. */
function rotate(state: State, at: number, bits: number): void {
  const low = half(state, at);
  const high = half(state, at + 1);
  state[at] = bits === 32 ? high : (low << bits) | (high >>> (32 - bits));
  state[at + 1] = bits === 32 ? low : (high << bits) | (low >>> (32 - bits));
}

function half(state: State, at: number): number {
  return state[at] ?? 0;
}

/** Four bytes, the lowest first; those behind the end are zero. */
function wordAt(bytes: ArrayLike<number>, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
