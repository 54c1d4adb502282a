/**
 * Fetches a file as operators want it: over HTTPS (plain HTTP from this machine only), following a few redirects, bounded in time and
 * bytes. A secret in the headers goes to the host that it was meant for, and to no other.
 */
import { isLoopback } from '../../core/runtime/addresses.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';

const maxRedirects = 5;
const timeoutMs = 5 * 60_000;
const maxBytes = 512 * 2 ** 20;

export type FetchFile = (url: string, headers: Record<string, string>) => Promise<FetchedFile>;

export interface FetchedFile {
  status: number;
  body: Buffer;
}

/** Rejects with a line that names the host, never the query string or the headers, which may hold a key. */
export const fetchFile: FetchFile = async (url, headers) => {
  let at = new URL(url);
  let sent = headers;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    checkScheme(at);
    const options = { headers: sent, timeoutMs, maxBodyBytes: maxBytes };
    const {
      status,
      headers: answered,
      body,
    } = await controlRequest(at.href, options).catch((error: unknown) => {
      throw new Error(`${at.origin}: ${(error as Error).message}`);
    });
    const { location } = answered;
    if (status < 300 || status > 399 || typeof location !== 'string') return { status, body };
    const next = new URL(location, at);
    if (next.origin !== at.origin) sent = {};
    at = next;
  }
  throw new Error(`${at.origin}: more than ${maxRedirects} redirects`);
};

function checkScheme({ protocol, hostname, origin }: URL): void {
  if (protocol === 'https:') return;
  if (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, ''))) return;
  throw new Error(
    `${origin} is not https: a database that anybody on the way may change is not taken`,
  );
}
