/**
 * Fields that only our own tiers speak to each other: everything named `breakwater-…`. They travel between authenticated
 * peers; a client or an origin that sends one is not listened to.
 */
import type { RawHeaders } from '../http/headers.ts';
import type { Failure, FailureKind } from './upstream.ts';

/**
 * With any value in a 503: the shield is draining or not ready; in a 403: it does not know who asks. Either way it has not looked at
 * the request, and another one should be asked.
 */
export const refusedField = 'breakwater-refused';

/**
 * On an answer that a shield has made itself because its own upstream failed: the kind of failure, and `; unvalidated` when what
 * the shield has stored must not be used without validation. The edge takes it for the failure, and not for an error of the origin.
 */
export const failureField = 'breakwater-failure';

/** The field's value; undefined: the fault was on the side of the asking tier, which is to be told as anybody else. */
export function formatFailure({ source, kind, unvalidated }: Failure): string | undefined {
  if (source === 'downstream') return undefined;
  return unvalidated ? `${kind}; unvalidated` : kind;
}

/** What a value says. What is no kind of these, of a newer release perhaps, is some failure all the same. */
export function parseFailure(value: string): Pick<Failure, 'kind' | 'unvalidated'> {
  const [word = '', parameter = ''] = value.split(';').map((part) => part.trim());
  const kind = failureKinds.find((known) => known === word) ?? 'unavailable';
  return parameter === 'unvalidated' ? { kind, unvalidated: true } : { kind };
}

/** All but `aborted`, which has nobody who could be told. */
const failureKinds: readonly FailureKind[] = [
  'connect',
  'timeout',
  'cut',
  'framing',
  'unavailable',
  'overload',
];

const PREFIX = 'breakwater-';

/** Whether the name, in any case, is one of ours. */
export function isTierField(name: string): boolean {
  return name.length >= PREFIX.length && name.slice(0, PREFIX.length).toLowerCase() === PREFIX;
}

/** A copy without tier fields; the same list when there are none. */
export function withoutTierFields(raw: RawHeaders): RawHeaders {
  return hasTierField(raw) ? splitTierFields(raw).headers : raw;
}

/** Tier fields by lower-case name (the last one of a name counts), and everything else in its order. */
export function splitTierFields(raw: RawHeaders): {
  headers: string[];
  tierHeaders: Map<string, string>;
} {
  const headers: string[] = [];
  const tierHeaders = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (isTierField(name)) tierHeaders.set(name.toLowerCase(), value);
    else headers.push(name, value);
  }
  return { headers, tierHeaders };
}

function hasTierField(raw: RawHeaders): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (isTierField(raw[i] ?? '')) return true;
  }
  return false;
}
