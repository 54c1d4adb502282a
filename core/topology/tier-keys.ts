/**
 * How an edge proves to a shield who it is: a key derived from the network's secret for this pair of nodes, so that what one
 * shield learns opens no other. Sent in the field `breakwater-tier: EDGE KEY`; compared in constant time.
 */

/** The purpose (see `deriveKey`) of the key that node `from` shows to node `to`. */
export function tierKeyPurpose(from: string, to: string): string {
  return `tier:${from}>${to}`;
}
