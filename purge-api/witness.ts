/**
 * Takes down what nodes say of purges: whether it is said with the key that we know, and what was said, for the record.
 *
 * Invariants: an acknowledgement of a node that has shown a key counts only with a good signature; nothing is recorded under an
 * identity that the journal does not have at that moment.
 */
import type { Position, UpMessage } from '../core/purge/command.ts';
import { acknowledgementText } from '../core/purge/signature.ts';
import type { Clock } from '../core/runtime/deps.ts';
import { createVerifier, type Verifier } from '../core/runtime/signing-key.ts';
import type { EvidenceMetrics } from './evidence-metrics.ts';
import type { EvidenceStore } from './evidence-store.ts';
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
  /** An acknowledgement that counts. */
  acknowledged(hello: Hello, ack: Ack): void;
  matched(node: string, seq: number, responses: number): void;
  /** The journal may have another identity now. */
  followJournal(): void;
  /** The newest entry when this process began to follow the journal's identity. */
  followedFrom(): number;
}

export interface WitnessDeps {
  clock: Clock;
  network: string;
  keys: NodeKeys;
  metrics: EvidenceMetrics;
  store: EvidenceStore;
  /** The journal's newest position. */
  head(): Position;
}

/** Creates the witness of a network. */
export function createWitness(deps: WitnessDeps): Witness {
  const { clock, network, keys, metrics, store, head } = deps;
  let followed: Position | undefined;
  /** One for each node that was admitted. */
  const verifiers = new Map<string, { publicKey: string; verify: Verifier }>();
  const verifierOf = (node: string, publicKey: string): Verifier => {
    const known = verifiers.get(node);
    if (known?.publicKey === publicKey) return known.verify;
    const verify = createVerifier(publicKey);
    verifiers.set(node, { publicKey, verify });
    return verify;
  };
  return {
    refusalOf: ({ node, publicKey }) => keys.refusalOf(node, publicKey),
    admitted: ({ node, publicKey }) => keys.pin(node, publicKey),
    isGenuine({ node, publicKey }, { position, appliedAtMs, signature }) {
      if (publicKey === undefined) return true;
      const text = acknowledgementText({ network, node, position, appliedAtMs });
      const isGood = signature !== undefined && verifierOf(node, publicKey)(text, signature);
      if (!isGood) metrics.signatureWrong();
      return isGood;
    },
    acknowledged({ node, publicKey }, { position, appliedAtMs, signature }) {
      const receivedAtMs = clock.nowMs();
      store.add({
        ...{ kind: 'ack', node, publicKey, position },
        ...{ appliedAtMs, receivedAtMs, signature },
      });
    },
    matched(node, seq, responses) {
      const { identity, seq: newest } = head();
      if (seq < 1 || seq > newest) return;
      store.add({ kind: 'matched', identity, seq, node, responses });
    },
    followJournal() {
      const next = head();
      if (followed?.identity === next.identity) return;
      followed = next;
      store.follow(next);
    },
    followedFrom: () => followed?.seq ?? 0,
  };
}
