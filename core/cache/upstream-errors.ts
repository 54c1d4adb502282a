/** From a failure of the upstream to what the client is told: status (RFC 9110 §15.6) and Proxy-Status (RFC 9209). */
import { type ProxyErrorType, type ProxyStatusMember, proxyStatus } from '../http/problem.ts';
import type { Failure, FailureKind } from '../upstream/upstream.ts';

const statuses: Record<FailureKind, number> = {
  connect: 502,
  timeout: 504,
  cut: 502,
  framing: 502,
  aborted: 502,
  unavailable: 502,
  overload: 503,
};

const proxyErrors: Record<FailureKind, ProxyErrorType> = {
  connect: 'connection_refused',
  timeout: 'http_response_timeout',
  cut: 'http_response_incomplete',
  framing: 'http_protocol_error',
  aborted: 'connection_terminated',
  unavailable: 'destination_unavailable',
  overload: 'connection_limit_reached',
};

/** The status that a client gets. */
export function statusOf({ source, kind, unvalidated }: Failure): number {
  // RFC 9111 §5.2.2.2: whatever the reason is, what must be validated cannot be.
  if (unvalidated) return 504;
  // RFC 9110 §15.5.9: the upstream could not answer because the client still owed a part of its request.
  if (source === 'downstream' && kind === 'timeout') return 408;
  return statuses[kind];
}

/** What the client is told in a sentence. */
export function detailOf(failure: Failure): string {
  if (failure.unvalidated) {
    return 'the upstream cannot be reached, and what is stored must not be used before it has been validated';
  }
  const status = statusOf(failure);
  if (status === 408) return 'the body of the request did not arrive in time';
  if (status === 504) return 'the upstream did not answer in time';
  if (status === 503) return 'too many requests are under way; try again in a moment';
  return 'the upstream gave no usable answer';
}

/**
 * Proxy-Status (RFC 9209 §2): where a tier behind has told of the failure, its members, which name the error, and then ours
 * with the status that came from there.
 */
export function proxyStatusOf(nodeId: string, failure: Failure): string {
  const { kind, told, unvalidated } = failure;
  const member: ProxyStatusMember = {
    proxy: nodeId,
    ...(told?.proxyStatus ? {} : { error: proxyErrors[kind] }),
    ...(told ? { receivedStatus: told.status } : {}),
    ...(unvalidated ? { details: 'unvalidated' } : {}),
  };
  return told?.proxyStatus ? `${told.proxyStatus}, ${proxyStatus(member)}` : proxyStatus(member);
}
