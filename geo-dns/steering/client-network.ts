/**
 * The network that stands for a client where clients are spread by hashing: /24 in IPv4, /48 in IPv6, which is about what
 * resolvers tell (RFC 7871 §11.1) and what one site has. All addresses in it get the same answer.
 */

export interface ClientNetwork {
  /** The bytes of the network, to be hashed. */
  text: string;
  prefixLength: number;
}

/** The network of an address of 4 or 16 bytes. Bits that a resolver has left out are zero. */
export function clientNetworkOf(bytes: readonly number[]): ClientNetwork {
  const prefixLength = bytes.length === 4 ? 24 : 48;
  return { text: bytes.slice(0, prefixLength / 8).join('.'), prefixLength };
}
