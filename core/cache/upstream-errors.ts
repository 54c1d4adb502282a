/** From a failure of the upstream to what the client is told: status (RFC 9110 §15.6) and Proxy-Status (RFC 9209). */
import type { ProxyErrorType, ProxyStatusMember } from '../http/problem.ts';
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
export function statusOf({ source, kind }: Failure): number {
  // RFC 9110 §15.5.9: the upstream could not answer because the client still owed a part of its request.
  if (source === 'downstream' && kind === 'timeout') return 408;
  return statuses[kind];
}

/** The member of Proxy-Status that this node adds. */
export function proxyErrorOf(nodeId: string, failure: Failure): ProxyStatusMember {
  return { proxy: nodeId, error: proxyErrors[failure.kind] };
}
