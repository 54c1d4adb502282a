/**
 * Challenges by which a certificate authority convinces itself that a host is ours (ACME, DNS-01, RFC 8555 §8.4), as they travel
 * from purge-api to DNS servers: always all of them, so that a lost message is mended by the next.
 */
import { z } from 'zod';
import { domainName } from '../topology/units.ts';

/** The base64url form of a SHA-256 digest. */
export const challengeValue = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'expected the 43 characters of a DNS-01 key authorization digest');

/** Kept at the same time; a certificate needs one or two for each of its hosts, for minutes. */
export const maxChallenges = 1000;
export const challengeTtlMs = 3_600_000;

export const acmeListSchema = z.strictObject({
  challenges: z
    .array(
      z.strictObject({
        host: domainName,
        value: challengeValue,
        /** Until it is forgotten, whatever becomes of purge-api. */
        leftMs: z.number().min(0).max(challengeTtlMs),
      }),
    )
    .max(maxChallenges),
});
export type AcmeList = z.output<typeof acmeListSchema>;

/** The name whose TXT records a certificate authority asks for. */
export function challengeName(host: string): string {
  return `_acme-challenge.${host}`;
}
