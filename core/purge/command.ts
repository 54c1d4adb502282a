/**
 * The wire contract between nodes and purge-api: journal entries and the messages of a node's outbound stream. Both
 * ends validate what they receive with the schemas of this file.
 *
 * Positions, never bare numbers, travel: a sequence number means nothing without the identity of its journal.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Incremented when an older peer could misunderstand a newer one; a mismatch is refused at `hello`. */
export const protocolVersion = 2;

/** The path of the stream on purge-api's listener. */
export const streamPath = '/v1/stream';

/** The authorization scheme of a node on its stream: `Breakwater-Node ID KEY`. */
export const nodeScheme = 'Breakwater-Node';

/** The purpose (see `deriveKey`) of a node's stream key. */
export const nodeKeyPurpose = (nodeId: string): string => `node:${nodeId}`;

export const positionSchema = z.strictObject({
  /** Random, made with the journal; numbers are compared only within one identity. */
  identity: z.string().min(1).max(64),
  /** Entries 1…seq have been applied; 0: none. */
  seq: z.number().int().min(0),
  /** Hash of entries 1…seq; the identity's own hash start at 0. */
  hash: z.string().max(64),
});
export type Position = z.output<typeof positionSchema>;

export const selectorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('url'), url: z.string().min(1) }),
  z.strictObject({ kind: z.literal('tag'), tag: z.string().min(1) }),
  z.strictObject({ kind: z.literal('prefix'), prefix: z.string().min(1) }),
  z.strictObject({ kind: z.literal('host'), host: z.string().min(1) }),
  z.strictObject({ kind: z.literal('everything') }),
]);
export type Selector = z.output<typeof selectorSchema>;

export const entrySchema = z.strictObject({
  seq: z.number().int().min(1),
  /** The purge's id in the API. */
  id: z.string().min(1).max(64),
  /** When it was appended, milliseconds since 1970. */
  atMs: z.number(),
  /** A soft purge makes what it matches stale; a hard one forbids any use. */
  soft: z.boolean(),
  /** The hosts of the token: the entry matches nothing else. `['*']` for all. */
  scope: z.array(z.string()).min(1),
  selectors: z.array(selectorSchema).min(1),
  /** `chainHash(hash of seq − 1, this entry)`. */
  hash: z.string(),
});
export type JournalEntry = z.output<typeof entrySchema>;

/** The hash of an entry, chained to all before it. */
export function chainHash(previous: string, entry: Omit<JournalEntry, 'hash'>): string {
  const canonical = JSON.stringify([
    entry.seq,
    entry.id,
    entry.atMs,
    entry.soft,
    entry.scope,
    entry.selectors,
  ]);
  return createHash('sha256')
    .update(previous)
    .update('\n')
    .update(canonical)
    .digest('hex')
    .slice(0, 32);
}

/** The position before the first entry of a journal. */
export function startOf(identity: string): Position {
  return { identity, seq: 0, hash: '' };
}

/** Instances that a `hello` may name as succeeded. */
export const maxSucceeded = 16;

export const roleSchema = z.enum(['edge', 'shield', 'dns']);

const nodeHealth = z.strictObject({
  /** Answers public requests as it should; false while starting or broken. */
  ready: z.boolean(),
  draining: z.boolean(),
  /** Requests in progress over capacity; 1 is fully loaded. */
  load: z.number().min(0),
  /** Why it is not ready, in words. */
  reason: z.string().max(500).optional(),
  /** What was bound, `host:port`. */
  listen: z.string().max(300).optional(),
  admin: z.string().max(300).optional(),
  workers: z.number().int().optional(),
});
export type NodeHealth = z.output<typeof nodeHealth>;

/** From a node to purge-api. */
export const upMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    protocol: z.number().int(),
    node: z.string(),
    role: roleSchema,
    /** Random for each process start: tells a restart from a second instance. */
    instance: z.string().max(64),
    /** Earlier instances that are dead for certain: this one has their data folder, which only one can hold. */
    succeeds: z.array(z.string().max(64)).max(maxSucceeded),
    /** Null: the node holds nothing and takes any position. */
    position: positionSchema.nullable(),
    topologyHash: z.string().max(64),
    /** Whether the node wants `view` messages. */
    wantsView: z.boolean(),
    health: nodeHealth,
    /** With which it signs its acknowledgements: SPKI in DER, base64. */
    publicKey: z.string().max(500).optional(),
  }),
  /**
   * Every third of the lease, and at once when the health changes; asks for the lease anew. `version` grows with each within an
   * instance; the `hello` counts as 0.
   */
  z.strictObject({
    type: z.literal('renew'),
    version: z.number().int(),
    position: positionSchema.nullable(),
    health: nodeHealth,
    topologyHash: z.string().max(64),
  }),
  /** All workers and the disk have applied everything up to the position. */
  z.strictObject({
    type: z.literal('ack'),
    position: positionSchema,
    appliedAtMs: z.number(),
    signature: z.string().max(500).optional(),
  }),
  /** How many stored responses the entry matched; counted in the background, may follow the `ack`. */
  z.strictObject({
    type: z.literal('matched'),
    seq: z.number().int(),
    responses: z.number().int(),
  }),
  /** An answer to a `request`. */
  z.strictObject({
    type: z.literal('reply'),
    request: z.string(),
    ok: z.boolean(),
    body: z.unknown(),
  }),
  /** A purge that arrived at the node's own PURGE method; purge-api answers with `appended`. */
  z.strictObject({
    type: z.literal('append'),
    request: z.string(),
    soft: z.boolean(),
    scope: z.array(z.string()).min(1),
    selectors: z.array(selectorSchema).min(1),
    /** The name of the token that was shown, whose limit counts; none on the admin listener. */
    token: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('goodbye') }),
]);
export type UpMessage = z.output<typeof upMessageSchema>;

export const viewNodeSchema = z.strictObject({
  id: z.string(),
  role: z.enum(['edge', 'shield', 'dns', 'purge']),
  /** Whether its stream is up. */
  connected: z.boolean(),
  /** Milliseconds since 1970 of the last renewal; null: never. */
  heardAtMs: z.number().nullable(),
  /** A newer instance or version replaces an older one, never the reverse. */
  instance: z.string().nullable(),
  version: z.number().int(),
  position: positionSchema.nullable(),
  health: nodeHealth.nullable(),
  /** It holds no lease for certain: purges count as converged without it, so nobody should be sent there. */
  quarantined: z.boolean(),
});
export type ViewNode = z.output<typeof viewNodeSchema>;

/** From purge-api to a node. */
export const downMessageSchema = z.discriminatedUnion('type', [
  /** The first message; `head` is the journal's newest position. `adopt` tells the node to start from there. */
  z.strictObject({
    type: z.literal('welcome'),
    head: positionSchema,
    /**
     * `follow`: the node's position is in the journal, entries after it follow. `reset`: it is not (another identity, lost
     * or pruned entries): everything held counts as hard-purged, and the node continues from `head`.
     */
    resume: z.enum(['follow', 'reset']),
    reason: z.string().optional(),
  }),
  /**
   * The answer to the renewal `version`. Granted: for the lease's length from when that renewal was sent; where the node holds
   * none at that moment it holds it only once it has applied everything up to `head`.
   */
  z.strictObject({
    type: z.literal('lease'),
    version: z.number().int(),
    head: positionSchema,
    /** The lease's length as purge-api counts it; a node whose configuration says more holds it no longer than this. */
    leaseMs: z.number().positive().optional(),
  }),
  /** Entries in order; a gap means that some were lost, and the node asks again from its position. */
  z.strictObject({
    type: z.literal('entries'),
    identity: z.string(),
    entries: z.array(entrySchema),
    head: positionSchema,
  }),
  /** The state of all nodes; sent at once and whenever it changes. `epoch` is purge-api's process start, `version` grows within it. */
  z.strictObject({
    type: z.literal('view'),
    epochMs: z.number(),
    version: z.number().int(),
    nodes: z.array(viewNodeSchema),
  }),
  /** A question to one node, answered with `reply`. */
  z.strictObject({
    type: z.literal('request'),
    request: z.string(),
    what: z.enum(['reload', 'explain', 'dry-run', 'warm', 'acme', 'rtt']),
    body: z.unknown(),
  }),
  z.strictObject({
    type: z.literal('appended'),
    request: z.string(),
    ok: z.boolean(),
    id: z.string().optional(),
    seq: z.number().int().optional(),
    problem: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('refused'), reason: z.string() }),
]);
export type DownMessage = z.output<typeof downMessageSchema>;

/** Header fields between tiers; authenticated by `tier`, stripped from everybody else. */
export const tierHeaders = {
  /** `ID KEY` of the asking tier. */
  tier: 'breakwater-tier',
  /** The asking tier's position: `IDENTITY SEQ HASH`. */
  position: 'breakwater-position',
  /** `1`: the asking tier holds a lease. Without one it may not be given what was stored before, but by a shield under its own. */
  lease: 'breakwater-lease',
  /** `1`: a background refresh, for which a stale answer is not good enough. */
  refresh: 'breakwater-refresh',
  /** The position under which an answer is valid: `IDENTITY SEQ HASH`. */
  label: 'breakwater-label',
  /** Milliseconds since 1970 from when a soft-purged answer is stale. */
  staleSince: 'breakwater-stale-since',
} as const;

export function formatPosition(position: Position): string {
  return `${position.identity} ${position.seq} ${position.hash || '-'}`;
}

/** The position of a header value; undefined when it is malformed. */
export function parsePosition(text: string): Position | undefined {
  const [identity, seqText, hash, ...rest] = text.split(' ');
  if (!identity || !seqText || !hash || rest.length > 0 || !/^\d{1,15}$/.test(seqText))
    return undefined;
  return { identity, seq: Number(seqText), hash: hash === '-' ? '' : hash };
}
