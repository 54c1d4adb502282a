/**
 * What `explain` asks and what a caching node answers: the contract between node, purge-api and command line (`request` with
 * what=explain on a node's stream, `GET /explain` on its admin listener, `POST /v1/explain`). Every end checks what it
 * receives with these schemas.
 *
 * Times are seconds, kept to the millisecond; negative `ttlSeconds`: stale for so long.
 */
import { z } from 'zod';
import { positionSchema } from './command.ts';

const maxUrlLength = 8 * 1024;
const maxFields = 100;

const fieldName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'no field name');
/** No line feed and no NUL: it is to be compared with what came over HTTP. */
const fieldValue = z
  .string()
  .max(maxUrlLength)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'no field value');

export const explainQuestionSchema = z.strictObject({
  /** Absolute http or https URL. */
  url: z.string().min(1).max(maxUrlLength),
  /** Fields of the request that is imagined: variants and directives depend on them. */
  headers: z
    .record(fieldName, fieldValue)
    .refine((fields) => Object.keys(fields).length <= maxFields, `at most ${maxFields} fields`)
    .default({}),
});
export type ExplainQuestion = z.output<typeof explainQuestionSchema>;

const text = z.string();
const seconds = z.number();

/** What the journal has to say of one copy. */
const purgedSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('clean') }),
  /** Stale from that time on. `seq` null: the entry is in the label already, or another tier's mark. */
  z.object({ kind: z.literal('soft'), seq: z.number().int().nullable(), sinceMs: z.number() }),
  /** Not to be used. `seq` null: it was stored under another journal. */
  z.object({ kind: z.literal('hard'), seq: z.number().int().nullable() }),
]);
export type Purged = z.output<typeof purgedSchema>;

/** One copy of a stored response in one place. */
const copySchema = z.object({
  tier: z.enum(['memory', 'disk']),
  /** The worker whose memory it is; null for disk, which all workers share. */
  worker: z.number().int().nullable(),
  /** Valid through this entry of the journal `identity`; begins as the response's epoch. */
  labelSeq: z.number().int(),
  identity: text,
  purged: purgedSchema,
  /** Freshness left, purges included. */
  ttlSeconds: seconds,
});
export type ExplainedCopy = z.output<typeof copySchema>;

/** What is the same for all copies of one stored response. */
export const responseFactsSchema = z.object({
  status: z.number().int(),
  bodyBytes: z.number().int(),
  /** Of a 206: `FIRST-LAST/SIZE`, as in Content-Range; null: the response is whole. */
  part: text.nullable(),
  /** The Vary fields with their normalised values; null: the request had no such field. */
  vary: z.array(z.object({ field: text, value: text.nullable() })),
  /** Whether the request of the question selects this variant. */
  isSelected: z.boolean(),
  /** When its head came, milliseconds since 1970. */
  receivedAtMs: z.number(),
  /** `seconds` = `initialSeconds` (how old it came) + `storedSeconds`. */
  age: z.object({ seconds, initialSeconds: seconds, storedSeconds: seconds }),
  lifetimeSeconds: seconds,
  source: z.enum(['s-maxage', 'max-age', 'expires', 'heuristic', 'default', 'none']),
  staleWhileRevalidateSeconds: seconds,
  staleIfErrorSeconds: seconds,
  flags: z.object({ noCache: z.boolean(), mustRevalidate: z.boolean(), immutable: z.boolean() }),
  tags: z.array(text),
  etag: text.nullable(),
  lastModified: text.nullable(),
});
export type ResponseFacts = z.output<typeof responseFactsSchema>;

const storedSchema = responseFactsSchema.extend({ copies: z.array(copySchema) });
export type ExplainedResponse = z.output<typeof storedSchema>;

/** What a GET would be answered with now, as far as it is known before anything is asked upstream. */
const decisionSchema = z.object({
  kind: z.enum(['hit', 'stale', 'revalidate', 'miss', 'pass', 'only-if-cached']),
  /** The node's member of Cache-Status (RFC 9211). */
  cacheStatus: text,
  fwd: text.nullable(),
  detail: text.nullable(),
  ttlSeconds: seconds.nullable(),
  /** Whether what is stored would be served if the upstream answered 500, 502, 503 or 504 (RFC 5861 §4). */
  servesOnError: z.boolean(),
  /** Whether it would be served if the upstream could not be reached (RFC 9111 §4.2.4). */
  servesWhenUnreachable: z.boolean(),
});
export type Decision = z.output<typeof decisionSchema>;

/** The response of this key was not storable a moment ago, for the reason `why`: requests do not wait for each other. */
const hitForMissSchema = z.object({ why: text, leftSeconds: seconds });
export type HitForMiss = z.output<typeof hitForMissSchema>;

const workerSchema = z.object({
  worker: z.number().int(),
  decision: decisionSchema,
  hitForMiss: hitForMissSchema.nullable(),
});

export const nodeExplanationSchema = z.object({
  node: text,
  role: z.enum(['edge', 'shield']),
  atMs: z.number(),
  /** The key in normal form. */
  key: text,
  /** The hosts of the site. */
  site: z.array(text),
  /** The worker that owns the key, of so many. */
  owner: z.number().int(),
  workers: z.number().int(),
  /** What all workers and the disk have applied; null: nothing of any journal. */
  cursor: positionSchema.nullable(),
  /** The newest position that the node has heard of. */
  head: positionSchema.nullable(),
  isConnected: z.boolean(),
  /** Of the worker that owns the key: a miss in another one is asked of it. Null: it did not answer in time. */
  decision: decisionSchema.nullable(),
  /** Those that answered in time. */
  answers: z.array(workerSchema),
  stored: z.array(storedSchema),
});
export type NodeExplanation = z.output<typeof nodeExplanationSchema>;

/** What purge-api answers: every PoP and shield, or the one that was asked for. */
export const networkExplanationSchema = z.object({
  url: text,
  nodes: z.array(
    z.discriminatedUnion('ok', [
      z.object({
        node: text,
        role: z.enum(['edge', 'shield']),
        ok: z.literal(true),
        explanation: nodeExplanationSchema,
      }),
      z.object({
        node: text,
        role: z.enum(['edge', 'shield']),
        ok: z.literal(false),
        problem: text,
      }),
    ]),
  ),
});
export type NetworkExplanation = z.output<typeof networkExplanationSchema>;
