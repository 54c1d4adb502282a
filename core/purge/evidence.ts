/**
 * The evidence of a purge as a document that can be kept: who has said what, signed, and what purge-api concluded from it.
 * Written by purge-api, read by `breakwater verify`, which may be of a later release.
 */
import { z } from 'zod';
import { entrySchema, positionSchema } from './command.ts';

export const evidenceVersion = 1;

const ms = z.number().describe('Milliseconds since 1970.');
const publicKey = z.string().max(500).describe('Ed25519, SPKI in DER, base64.');
const fingerprint = z.string().max(100).describe('SHA256: and the hash of the public key, base64.');
const signature = z.string().max(500);

const acknowledgement = z.strictObject({
  position: positionSchema.describe('Everything up to it is applied.'),
  appliedAtMs: ms.describe('By the clock of the node, milliseconds since 1970.'),
  receivedAtMs: ms.describe('By the clock of purge-api.'),
  signature: signature.nullable().describe('By the node; null: it has shown no key.'),
});

const node = z.strictObject({
  node: z.string().max(300),
  role: z.enum(['edge', 'shield']),
  publicKey: publicKey.nullable(),
  fingerprint: fingerprint.nullable(),
  acknowledgement: acknowledgement.nullable().describe('The first that covers the entry.'),
  matched: z.number().int().nullable(),
  quarantined: z
    .strictObject({ sinceMs: ms.nullable(), reason: z.string().nullable() })
    .nullable()
    .describe('It was not needed when the purge was declared converged: it held no lease.'),
});

export const evidenceSchema = z.strictObject({
  breakwater: z.literal('evidence'),
  version: z.literal(evidenceVersion),
  network: z.string().max(300),
  entry: entrySchema,
  by: z.string().describe('The name of the token, or of the node whose PURGE method was used.'),
  previous: positionSchema.describe(
    'The position before the entry: its hash goes into that of the entry.',
  ),
  status: z.enum(['pending', 'converged']),
  convergedAtMs: ms.nullable().describe('When purge-api declared it; null: it has not.'),
  nodes: z.array(node).max(10_000),
  issuedAtMs: ms,
  issuer: z.strictObject({ node: z.string().max(300), publicKey, fingerprint }),
  signature: signature.describe('By purge-api, over all the rest.'),
});
export type EvidenceDocument = z.output<typeof evidenceSchema>;
export type EvidenceNode = EvidenceDocument['nodes'][number];
