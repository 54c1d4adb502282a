/**
 * Which key each node signs with. The first that a node shows is pinned, durably, in one file; from then on a hello with another
 * key, or with none, is refused until somebody who may do so has the old one forgotten.
 *
 * Invariants: a pin changes only by `forget`; a file that cannot be read is set aside, never taken for an empty one silently; a
 * file that cannot be written is counted, and the pins hold as long as the process lives.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { assertNever, type Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { fingerprintOf, isPublicKey, writeDurably } from '../core/runtime/signing-key.ts';

export interface NodeKeys {
  /** Why a node that shows `publicKey` is refused; undefined: it is not. Changes nothing. */
  refusalOf(node: string, publicKey: string | undefined): string | undefined;
  /** Pins what `refusalOf` has not refused. */
  pin(node: string, publicKey: string | undefined): void;
  /** The pinned key; undefined: the node has shown none. */
  of(node: string): string | undefined;
  /** Takes the next key that the node shows for its own. False when none was pinned. */
  forget(node: string): boolean;
}

export interface NodeKeysDeps {
  clock: Clock;
  log: Log;
  metrics: {
    keyPinned(): void;
    keyForgotten(): void;
    keyRefused(): void;
    keyFileFailed(operation: 'read' | 'write'): void;
  };
}

const fileSchema = z.strictObject({
  version: z.literal(1),
  keys: z.record(z.string().max(300), z.string().max(500)),
});

/** Reads the pins in `file`. Throws when its folder cannot be used at all. */
export function openNodeKeys(deps: NodeKeysDeps, file: string): NodeKeys {
  const { log, metrics } = deps;
  mkdirSync(path.dirname(file), { recursive: true });
  const keys = readKeys(deps, file);
  const save = () => {
    const sorted = Object.fromEntries([...keys].sort(([a], [b]) => (a < b ? -1 : 1)));
    try {
      writeDurably(file, `${JSON.stringify({ version: 1, keys: sorted }, null, 2)}\n`);
    } catch (error) {
      metrics.keyFileFailed('write');
      log.error({ err: error }, 'the keys of the nodes could not be saved');
    }
  };
  return {
    refusalOf(node, publicKey) {
      const judged = judgeKey(keys.get(node), publicKey);
      if (judged === 'fits' || judged === 'new') return undefined;
      metrics.keyRefused();
      return refusalText(judged, node, keys.get(node), publicKey);
    },
    pin(node, publicKey) {
      if (publicKey === undefined || keys.has(node)) return;
      keys.set(node, publicKey);
      metrics.keyPinned();
      log.info(
        { peer: node, fingerprint: fingerprintOf(publicKey) },
        'the key of a node is pinned',
      );
      save();
    },
    of: (node) => keys.get(node),
    forget(node) {
      if (!keys.delete(node)) return false;
      metrics.keyForgotten();
      log.warn({ peer: node }, 'the key of a node is forgotten: the next that it shows is pinned');
      save();
      return true;
    },
  };
}

type JudgedKey = 'fits' | 'new' | 'other' | 'none' | 'malformed';

function judgeKey(pinned: string | undefined, shown: string | undefined): JudgedKey {
  if (shown === undefined) return pinned === undefined ? 'fits' : 'none';
  if (pinned !== undefined) return shown === pinned ? 'fits' : 'other';
  return isPublicKey(shown) ? 'new' : 'malformed';
}

function refusalText(
  judged: Exclude<JudgedKey, 'fits' | 'new'>,
  node: string,
  pinned = '',
  shown = '',
): string {
  switch (judged) {
    case 'none':
      return `shows no key, but "${node}" has signed with ${fingerprintOf(pinned)} before`;
    case 'other':
      return `shows the key ${fingerprintOf(shown)}, but "${node}" has signed with ${fingerprintOf(pinned)} before: if its data folder was lost, run "breakwater forget-key ${node}"`;
    case 'malformed':
      return 'shows a key that is no Ed25519 public key';
    default:
      return assertNever(judged);
  }
}

function readKeys({ clock, log, metrics }: NodeKeysDeps, file: string): Map<string, string> {
  if (!existsSync(file)) return new Map();
  try {
    const { keys } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const wrong = Object.values(keys).find((key) => !isPublicKey(key));
    if (wrong !== undefined) throw new Error(`"${wrong.slice(0, 60)}" is no public key`);
    return new Map(Object.entries(keys));
  } catch (error) {
    const movedTo = `${file}.damaged-${clock.nowMs()}`;
    renameSync(file, movedTo);
    metrics.keyFileFailed('read');
    log.error({ movedTo, err: error }, 'damaged keys of the nodes set aside; all are pinned anew');
    return new Map();
  }
}
