/**
 * Who may speak: callers of the API by bearer token (RFC 6750), nodes on their stream by a key derived from the network's
 * secret. Both are compared in constant time, as hashes of equal length, against every candidate.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { nodeKeyPurpose, nodeScheme, type Selector } from '../core/purge/command.ts';
import { deriveKey } from '../core/topology/load.ts';
import type { PurgeToken } from '../core/topology/schema.ts';
import { hostOfSelector } from './parse-purge.ts';

/** Somebody who has shown a token. */
export interface Caller {
  name: string;
  /** The hosts that it may purge; `['*']` for all. */
  hosts: readonly string[];
}

/** Looks callers up by the value of their Authorization field. */
export function createTokenAuth(
  tokens: readonly PurgeToken[],
): (authorization: string | undefined) => Caller | undefined {
  const known = tokens.map(({ name, hosts, secret }) => ({
    name,
    hosts,
    digest: digestOf(secret),
  }));
  return (authorization) => {
    const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) return undefined;
    const digest = digestOf(given);
    // Every token is compared, so that the time tells nothing of which one nearly fitted.
    const fitting = known.filter((token) => timingSafeEqual(token.digest, digest));
    const [first] = fitting;
    return first && { name: first.name, hosts: first.hosts };
  };
}

/** Whether a caller may see or purge what is limited to `scope`. */
export function mayUse(caller: Caller, scope: readonly string[]): boolean {
  if (caller.hosts.includes('*')) return true;
  return scope.every((host) => caller.hosts.includes(host));
}

/** The selectors that name a host outside `hosts`. Tags and "everything" name none: the entry's scope limits them. */
export function outsideOf(hosts: readonly string[], selectors: readonly Selector[]): Selector[] {
  if (hosts.includes('*')) return [];
  return selectors.filter((selector) => {
    const host = hostOfSelector(selector);
    return host !== undefined && !hosts.includes(host);
  });
}

/** The id of the node whose `Breakwater-Node ID KEY` the Authorization field is; undefined when the key is wrong. */
export function createNodeAuth(
  secret: string,
): (authorization: string | undefined) => string | undefined {
  return (authorization) => {
    const [scheme, id, key, ...rest] = (authorization ?? '').split(' ');
    if (scheme !== nodeScheme || !id || !key || rest.length > 0) return undefined;
    const expected = digestOf(deriveKey(secret, nodeKeyPurpose(id)));
    return timingSafeEqual(expected, digestOf(key)) ? id : undefined;
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
