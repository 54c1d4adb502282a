/** Evidence and keys over the API: a purge's document, and the order to forget a node's key. */
import { type Caller, mayUse } from './auth.ts';
import type { Evidence } from './evidence.ts';
import { problemResponse } from './problem.ts';
import type { Purges } from './purges.ts';

export interface EvidenceRouteDeps {
  purges: Purges;
  evidence: Evidence;
}

/** `GET /v1/purges/ID/evidence`. */
export async function getEvidence(
  { purges, evidence }: EvidenceRouteDeps,
  caller: Caller,
  id: string,
): Promise<Response> {
  const recorded = await purges.find(id);
  const isVisible = recorded !== undefined && mayUse(caller, recorded.entry.scope);
  const document = isVisible
    ? await evidence.document(recorded, purges.judge(recorded.entry))
    : undefined;
  if (document) return Response.json(document);
  return problemResponse(
    'not-found',
    isVisible
      ? 'the evidence of this purge cannot be read: see the log of purge-api'
      : `there is no purge "${id.slice(0, 64)}", or no longer`,
  );
}

/** `DELETE /v1/nodes/ID/key`: the next key that the node shows is pinned. */
export function forgetKey({ keys, fingerprintOf }: Evidence, caller: Caller, id: string): Response {
  if (!caller.hosts.includes('*')) {
    return problemResponse('forbidden-action', 'to forget a key needs a token with hosts ["*"]');
  }
  const fingerprint = fingerprintOf(id);
  if (keys.forget(id)) return Response.json({ node: id, forgotten: fingerprint });
  return problemResponse('not-found', `no key of a node "${id.slice(0, 64)}" is pinned`);
}
