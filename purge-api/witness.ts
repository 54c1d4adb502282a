/**
 * Takes down what nodes say of purges: whether it is said with the key that we know, and what was said, for the record.
 *
 * Invariant: an acknowledgement of a node that has shown a key counts only with a good signature.
 */
import type { UpMessage } from '../core/purge/command.ts';
import { acknowledgementText } from '../core/purge/signature.ts';
import { isSignedBy } from '../core/runtime/signing-key.ts';
import type { EvidenceMetrics } from './evidence-metrics.ts';
import type { NodeKeys } from './node-keys.ts';

type Hello = Extract<UpMessage, { type: 'hello' }>;
type Ack = Extract<UpMessage, { type: 'ack' }>;

export interface Witness {
  /** Why this hello is refused; undefined: it is not, as far as keys are concerned. */
  refusalOf(hello: Hello): string | undefined;
  /** The hello was admitted: a key that is new is pinned. */
  admitted(hello: Hello): void;
  /** Whether the node that said `hello` has signed `ack`, if it signs at all. */
  isGenuine(hello: Hello, ack: Ack): boolean;
}

export interface WitnessDeps {
  network: string;
  keys: NodeKeys;
  metrics: EvidenceMetrics;
}

/** Creates the witness of a network. */
export function createWitness({ network, keys, metrics }: WitnessDeps): Witness {
  return {
    refusalOf: ({ node, publicKey }) => keys.refusalOf(node, publicKey),
    admitted: ({ node, publicKey }) => keys.pin(node, publicKey),
    isGenuine({ node, publicKey }, { position, appliedAtMs, signature }) {
      if (publicKey === undefined) return true;
      const text = acknowledgementText({ network, node, position, appliedAtMs });
      const isGood = signature !== undefined && isSignedBy(publicKey, text, signature);
      if (!isGood) metrics.signatureWrong();
      return isGood;
    },
  };
}
