/**
 * The bodies of the errors that we generate ourselves: problem details (RFC 9457) for machines, a
 * small HTML page where Accept prefers one; and the Proxy-Status member (RFC 9209) that says on
 * which side the fault was.
 */
import { splitList, trimWhitespace } from './headers.ts';
import { formatString, formatTokenOrString } from './structured.ts';
import { parseWeight } from './vary.ts';

/** What an error answer says. */
export type Problem = {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** The client's Accept, if it sent one. */
  readonly accept: string | undefined;
  readonly requestId: string;
};

/** Content-Type and body of an error answer. */
export function problemBody(problem: Problem): { contentType: string; body: string } {
  if (prefersHtml(problem.accept)) {
    return { contentType: 'text/html; charset=utf-8', body: htmlPage(problem) };
  }
  const { status, title, detail, requestId } = problem;
  const body = `${JSON.stringify({ type: 'about:blank', status, title, detail, requestId })}\n`;
  return { contentType: 'application/problem+json', body };
}

/** Error types of RFC 9209 §2.3 that can arise here. */
export type ProxyErrorType =
  | 'dns_timeout'
  | 'dns_error'
  | 'destination_not_found'
  | 'destination_unavailable'
  | 'destination_ip_prohibited'
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'connection_read_timeout'
  | 'connection_write_timeout'
  | 'connection_limit_reached'
  | 'tls_protocol_error'
  | 'tls_certificate_error'
  | 'tls_alert_received'
  | 'http_request_error'
  | 'http_request_denied'
  | 'http_response_incomplete'
  | 'http_response_header_section_size'
  | 'http_response_body_size'
  | 'http_response_timeout'
  | 'http_protocol_error'
  | 'proxy_internal_response'
  | 'proxy_internal_error'
  | 'proxy_configuration_error'
  | 'proxy_loop_detected';

/** One proxy's word on an answer. */
export type ProxyStatusMember = {
  readonly proxy: string;
  readonly error?: ProxyErrorType;
  /** The status that the next hop sent, where ours differs. */
  readonly receivedStatus?: number;
  readonly nextHop?: string;
  readonly details?: string;
};

/** The member as it stands in Proxy-Status. */
export function proxyStatus(member: ProxyStatusMember): string {
  let text = formatTokenOrString(member.proxy);
  if (member.error !== undefined) text += `; error=${member.error}`;
  if (member.nextHop !== undefined) text += `; next-hop=${formatTokenOrString(member.nextHop)}`;
  if (member.receivedStatus !== undefined) text += `; received-status=${member.receivedStatus}`;
  if (member.details !== undefined) text += `; details=${formatString(member.details)}`;
  return text;
}

/** Whether Accept names HTML with a greater weight than JSON (RFC 9110 §12.5.1): what browsers send. */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  let html = 0;
  let json = 0;
  for (const member of splitList(accept)) {
    const parts = member.split(';');
    const type = trimWhitespace(parts[0] ?? '').toLowerCase();
    const weight = weightOf(parts);
    if (type === 'text/html') html = Math.max(html, weight);
    else if (type === 'application/problem+json' || type === 'application/json') {
      json = Math.max(json, weight);
    }
  }
  return html > json;
}

function weightOf(parts: readonly string[]): number {
  for (const part of parts.slice(1)) {
    const parameter = trimWhitespace(part).toLowerCase();
    if (parameter.startsWith('q=')) return parseWeight(parameter.slice(2)) ?? 1;
  }
  return 1;
}

function htmlPage({ status, title, detail, requestId }: Problem): string {
  const heading = `${status} ${escapeHtml(title)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${heading}</title>
<h1>${heading}</h1>
<p>${escapeHtml(detail)}</p>
<p><small>Request ${escapeHtml(requestId)}</small></p>
</html>
`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
