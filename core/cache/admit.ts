/**
 * The door of the data plane: a received head becomes a `CacheRequest`, or a refusal with its status. Nothing is relayed: the
 * head is parsed, checked and written anew (DESIGN section 10).
 *
 * Invariants: fields between tiers are believed from an authenticated tier only; what can change an answer and is not in
 * the key never reaches an upstream from a client.
 */
import { noDirectives, requestCacheControl } from '../http/cache-control.ts';
import {
  cdnLoopAppend,
  cdnLoopContains,
  forwardedFields,
  isUntrustedField,
  viaField,
} from '../http/forwarding.ts';
import { checkRequestFraming, type HeadLimits, parseHost } from '../http/framing.ts';
import { combined, first, hopByHop, type RawHeaders, setField } from '../http/headers.ts';
import { withOneHopLess } from '../http/max-forwards.ts';
import { parseTarget } from '../http/target.ts';
import { canonicalAcceptEncoding } from '../http/vary.ts';
import { type Position, parsePosition, tierHeaders } from '../purge/command.ts';
import { refusedField } from '../upstream/tier-fields.ts';
import type { CacheRequest } from './exchange.ts';
import { debugField } from './judged-under.ts';
import type { CacheKey, KeySpace } from './key.ts';

export interface AdmitDeps {
  keySpace: () => KeySpace;
  limits: HeadLimits;
  /** `breakwater-NETWORK`: this network in CDN-Loop. */
  cdnId: string;
  nodeId: string;
  /** Ports that Host may name: the listener's, and where clients reach it. */
  ports: ReadonlySet<number>;
  isTrustedProxy: (address: string) => boolean;
  /** The tier that the field's value authenticates; undefined: nobody. */
  authenticateTier: (value: string) => string | undefined;
  /** Whether only authenticated tiers are served (a shield). */
  tiersOnly: boolean;
  nextRequestId: () => string;
  /** Whether a value of `Breakwater-Debug` is the debug token; undefined: there is none. */
  isDebugToken?: ((value: string) => boolean) | undefined;
}

/** A head as the listener received it. */
export interface ReceivedHead {
  method: string;
  target: string;
  rawHeaders: RawHeaders;
  /** The peer's address. */
  address: string;
  /** Whether the connection is TLS. */
  secure: boolean;
  /** Whether the request is of HTTP/1.0. */
  isHttp10?: boolean;
  nowMs: number;
}

/** The asking tier; `position` undefined: it sent none that can be read. */
export interface Tier {
  id: string;
  position: Position | undefined;
}

export interface Admitted {
  ok: true;
  request: CacheRequest;
  clientAddress: string;
  requestId: string;
  tier: Tier | null;
  /** A client that may see what is else kept from clients. */
  isDebugging: boolean;
}

export interface Refused {
  ok: false;
  status: number;
  title: string;
  detail: string;
  /** Further fields of the answer, flat. */
  fields?: readonly string[];
}

const notServed: ReadonlySet<string> = new Set(['TRACE', 'CONNECT', 'PURGE']);

/** Judges a head. Reads no clock and does no I/O. */
export function admit(deps: AdmitDeps, head: ReceivedHead): Admitted | Refused {
  const framing = checkRequestFraming(head.method, head.rawHeaders, head.target, deps.limits);
  if (!framing.ok) return refuse(framing.status, 'Malformed request', framing.detail);
  // RFC 9112 §6.1: HTTP/1.0 has no transfer codings, so who sends one means something else by it.
  if (head.isHttp10 && first(head.rawHeaders, 'transfer-encoding') !== undefined) {
    return refuse(400, 'Malformed request', 'Transfer-Encoding in HTTP/1.0');
  }
  // A PURGE that comes this far is of a site that does not take it: its origin must not answer in our place either.
  if (notServed.has(head.method)) {
    return refuse(405, 'Method not allowed', `${head.method} is not served here`);
  }
  const tier = tierOf(deps, head.rawHeaders);
  if (deps.tiersOnly && !tier) {
    const detail = 'this node serves the edges of its network only';
    return { ...refuse(403, 'Not for clients', detail), fields: [refusedField, '1'] };
  }
  if (!tier && cdnLoopContains(head.rawHeaders, deps.cdnId)) {
    return refuse(508, 'Loop detected', 'the request has passed through this network already');
  }
  const trustedProxy = tier === null && deps.isTrustedProxy(head.address);
  const key = keyOf(deps, head, tier !== null || trustedProxy);
  if ('status' in key) return key;
  const client = clientOf(head, tier !== null, trustedProxy);
  const requestId = (tier && first(head.rawHeaders, 'x-request-id')) || deps.nextRequestId();
  const isHonoured = key.site.cache.clientRevalidation || tier !== null;
  const request: CacheRequest = {
    method: head.method,
    key,
    headers: head.rawHeaders,
    forwardHeaders: () =>
      upstreamFields(deps, head, key, { ...client, tier, requestId, isHonoured }),
    directives: isHonoured ? requestCacheControl(head.rawHeaders) : noDirectives,
    unreached: null,
    isFromUnleased: tier !== null && first(head.rawHeaders, tierHeaders.lease) !== '1',
    isRefresh: tier !== null && first(head.rawHeaders, tierHeaders.refresh) === '1',
    startedAtMs: head.nowMs,
  };
  const isDebugging = tier === null && showsDebugToken(deps, head.rawHeaders);
  return { ok: true, request, clientAddress: client.address, requestId, tier, isDebugging };
}

function refuse(status: number, title: string, detail: string): Refused {
  return { ok: false, status, title, detail };
}

function showsDebugToken({ isDebugToken }: AdmitDeps, raw: RawHeaders): boolean {
  if (!isDebugToken) return false;
  const value = first(raw, debugField);
  return value !== undefined && isDebugToken(value);
}

function tierOf(deps: AdmitDeps, raw: RawHeaders): Tier | null {
  const value = first(raw, tierHeaders.tier);
  const id = value === undefined ? undefined : deps.authenticateTier(value);
  if (id === undefined) return null;
  return { id, position: parsePosition(first(raw, tierHeaders.position) ?? '') };
}

function keyOf(deps: AdmitDeps, head: ReceivedHead, isTrusted: boolean): CacheKey | Refused {
  const target = parseTarget(head.target);
  if (!target || target.form === 'asterisk') {
    return refuse(400, 'Malformed request', 'the request target names no resource');
  }
  // RFC 9112 §3.2.2: an absolute target replaces Host.
  const authority =
    target.form === 'absolute' ? target : parseHost(first(head.rawHeaders, 'host') ?? '');
  if (!authority) return refuse(400, 'Malformed request', 'invalid Host');
  const scheme = schemeOf(head, isTrusted);
  const { host, port } = authority;
  if (port !== undefined && port !== (scheme === 'https' ? 443 : 80) && !deps.ports.has(port)) {
    return refuse(421, 'Misdirected request', `port ${port} is not served here`);
  }
  const keySpace = deps.keySpace();
  if (!keySpace.siteOf(host)) {
    return refuse(421, 'Misdirected request', `the host "${host}" is not served here`);
  }
  const key = keySpace.keyOf(scheme, host, target.pathAndQuery);
  return key ?? refuse(400, 'Malformed request', 'the request target has no normal form');
}

function schemeOf(head: ReceivedHead, isTrusted: boolean): 'http' | 'https' {
  const told = isTrusted ? first(head.rawHeaders, 'x-forwarded-proto') : undefined;
  if (told === 'http' || told === 'https') return told;
  return head.secure ? 'https' : 'http';
}

interface Client {
  address: string;
  /** What was told by a peer that may be believed. */
  chain: { xForwardedFor?: string | undefined; forwarded?: string | undefined } | undefined;
}

function clientOf(head: ReceivedHead, isTier: boolean, trustedProxy: boolean): Client {
  if (!isTier && !trustedProxy) return { address: head.address, chain: undefined };
  const xForwardedFor = combined(head.rawHeaders, 'x-forwarded-for');
  const chain = { xForwardedFor, forwarded: combined(head.rawHeaders, 'forwarded') };
  // The proxy's own peer is the last address of the chain.
  const last = xForwardedFor?.split(',').at(-1)?.trim();
  return { address: last || head.address, chain };
}

function upstreamFields(
  deps: AdmitDeps,
  head: ReceivedHead,
  key: CacheKey,
  from: Client & { tier: Tier | null; requestId: string; isHonoured: boolean },
): RawHeaders {
  const raw = withOneHopLess(head.method, head.rawHeaders);
  const dropped = hopByHop(raw);
  // What this tier does not let a client force, the next one must not either: it would honour it as a word of ours.
  const forced = from.isHonoured ? nothing : requestDirectiveFields;
  const fields: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lowerName = name.toLowerCase();
    if (dropped.has(lowerName) || ours.has(lowerName) || forced.has(lowerName)) continue;
    if (lowerName.startsWith('breakwater-')) continue;
    if (!from.tier && (isUntrustedField(lowerName) || lowerName === 'x-request-id')) continue;
    fields.push(name, raw[i + 1] ?? '');
  }
  fields.push(...acceptEncodingField(raw));
  fields.push('Via', viaField(combined(raw, 'via'), '1.1', deps.nodeId));
  if (!from.tier) {
    fields.push('X-Request-Id', from.requestId);
    const peer = { clientAddress: head.address, scheme: key.scheme, host: key.host };
    fields.push(...forwardedFields(from.chain ? { ...peer, trustedChain: from.chain } : peer));
  }
  const loop = combined(raw, 'cdn-loop');
  return cdnLoopAppend(
    loop === undefined ? fields : setField(fields, 'CDN-Loop', loop),
    deps.cdnId,
  );
}

/** Exactly what the variant key holds of it (http/vary), so that no answer can depend on anything else. */
function acceptEncodingField(raw: RawHeaders): string[] {
  const canonical = canonicalAcceptEncoding(raw);
  return canonical === undefined ? [] : ['Accept-Encoding', canonical || 'identity'];
}

/**
 * Written anew, or of this connection only. `Content-Length` follows the body that is sent. `A-IM` asks for a delta (RFC 3229):
 * one against what we hold would be taken for the whole.
 */
const ours: ReadonlySet<string> = new Set([
  'a-im',
  'accept-encoding',
  'cdn-loop',
  'content-length',
  'expect',
  'host',
  'via',
]);

/** How a request forces or forbids the use of what is stored (RFC 9111 §5.2.1, §5.4). */
const requestDirectiveFields: ReadonlySet<string> = new Set(['cache-control', 'pragma']);
const nothing: ReadonlySet<string> = new Set();
