/**
 * What is signed, as text. Each text begins with what it is, so that a signature for one purpose is of no use for another, and
 * names the network and the node, so that one node's word is never another's. Pure.
 */
import type { Position } from './command.ts';

export interface SignedAcknowledgement {
  network: string;
  node: string;
  position: Position;
  /** When the node had applied it, by its clock, milliseconds since 1970. */
  appliedAtMs: number;
}

/** `node` has applied everything up to `position`: what it signs. */
export function acknowledgementText(said: SignedAcknowledgement): string {
  const { network, node, position, appliedAtMs } = said;
  const { identity, seq, hash } = position;
  return `breakwater-ack-v1\n${JSON.stringify([network, node, identity, seq, hash, appliedAtMs])}`;
}

/** What purge-api signs of an evidence document: all of it but the signature. */
export function evidenceText(unsigned: unknown): string {
  return `breakwater-evidence-v1\n${canonicalJson(unsigned)}`;
}

/** JSON with the keys of each object in the order of their code units and without spaces: one text for equal values. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
