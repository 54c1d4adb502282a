/**
 * Which peer is responsible for a key: shields for an edge, workers within a node. By rendezvous hashing (highest random
 * weight): every pair of key and peer has a pseudo-random score, and the key belongs to the peer with the highest.
 * Everybody who knows the peers comes to the same order without talking; when a peer goes, only its own keys move, each to
 * the next of its own order; when one comes, it takes 1/n of the keys and no other key moves. A ring of points needs tables
 * and hundreds of points a peer for what a handful of multiplications do here.
 *
 * Invariant: pure; the order depends on the key and the set of peers, never on the order in which they are given.
 */

/** The peers in the order in which they are responsible for the key; peers are distinct names. */
export function orderByRendezvous(key: string, peers: readonly string[]): string[] {
  if (peers.length < 2) return [...peers];
  const keyHash = hash32(key);
  return peers
    .map((peer) => ({ peer, score: scoreOf(keyHash, hash32(peer)) }))
    .sort((a, b) => b.score - a.score || (a.peer < b.peer ? -1 : 1))
    .map(({ peer }) => peer);
}

/** The index in 0…count−1 that owns the key. `count` is at least 1. */
export function ownerOf(key: string, count: number): number {
  const keyHash = hash32(key);
  let owner = 0;
  let highest = -1;
  for (let index = 0; index < count; index++) {
    const score = scoreOf(keyHash, memberHash(index));
    if (score > highest) {
      highest = score;
      owner = index;
    }
  }
  return owner;
}

/**
 * A 32-bit hash of a text: FNV-1a over its bytes (xor, then multiply by a prime), then an avalanche. FNV alone leaves the
 * high bits of short texts almost untouched by their last characters, and it is the high bits that decide here.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    hash = Math.imul(hash ^ (code & 0xff), 0x01000193);
    if (code > 0xff) hash = Math.imul(hash ^ (code >>> 8), 0x01000193);
  }
  return avalanche(hash);
}

/** The score of a pair; the odd multiplier keeps key and peer from cancelling each other out. */
function scoreOf(keyHash: number, peerHash: number): number {
  return avalanche(keyHash ^ Math.imul(peerHash, 0x9e3779b1));
}

/** Murmur3's finaliser: flipping any bit of the input flips each bit of the output with a chance of about one half. */
function avalanche(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const memberHashes: number[] = [];

function memberHash(index: number): number {
  const known = memberHashes[index];
  if (known !== undefined) return known;
  // A name of its own, so that a node's workers and its shields divide the keys independently.
  const hash = hash32(`member:${index}`);
  memberHashes[index] = hash;
  return hash;
}
