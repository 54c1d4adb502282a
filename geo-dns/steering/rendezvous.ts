/**
 * Shares of client networks by rendezvous hashing: each pair of network and PoP has a pseudo-random number, and the PoP whose number is
 * best has the network. Every DNS server comes to the same choice without talking, and when a PoP goes, only its own
 * networks move, each to the next of its own order.
 */
import { hash32 } from '../../core/upstream/ring.ts';

/** Above 0 and below 1, evenly spread; `use` keeps two choices for one network independent of each other. */
export function unitOf(use: string, network: string, id: string): number {
  return (hash32(`${use}|${network}|${id}`) + 0.5) / 2 ** 32;
}

/**
 * The score of a PoP with a weight, the lowest of which has the network. −ln(u)/w is exponentially distributed with rate w, and of
 * independent exponential times the one with rate w comes first with chance w/Σw: exactly the share that is wanted.
 */
export function weightedScore(network: string, id: string, weight: number): number {
  return -Math.log(unitOf('share', network, id)) / weight;
}
