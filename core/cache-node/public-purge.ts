/**
 * `PURGE` on the public listener, where a site allows it: with a purge token it appends to the journal like the API does. The
 * worker cannot reach purge-api itself; the main thread asks over the node's stream.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KeySpace } from '../cache/key.ts';
import { parseHost } from '../http/framing.ts';
import { first } from '../http/headers.ts';
import { problemBody } from '../http/problem.ts';
import { parseTarget } from '../http/target.ts';
import type { Clock } from '../runtime/deps.ts';
import type { PurgeToken } from '../topology/schema.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

type Settled = Extract<ToWorker, { type: 'purge-appended' }>;

export interface PublicPurge {
  /** Answers a PURGE; false when the host's site does not take the method here. */
  answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> | false;
  settle(message: Settled): void;
  updateTokens(tokens: readonly PurgeToken[]): void;
}

const answerLimitMs = 6000;
const maxWaiting = 1000;

/** Creates the answerer of a worker. */
export function createPublicPurge(
  deps: { clock: Clock; keySpace: () => KeySpace; tell: (message: FromWorker) => void },
  initialTokens: readonly PurgeToken[],
): PublicPurge {
  let tokens = initialTokens;
  let nextCall = 0;
  const waiting = new Map<number, (message: Settled) => void>();

  const append = (url: string, soft: boolean, token: string): Promise<Settled> => {
    nextCall += 1;
    const call = nextCall;
    const { promise, resolve } = Promise.withResolvers<Settled>();
    const limit = deps.clock.after(answerLimitMs, () => {
      waiting.delete(call);
      resolve({
        type: 'purge-appended',
        call,
        ok: false,
        problem: 'purge-api did not answer in time',
      });
    });
    waiting.set(call, (message) => {
      limit.cancel();
      resolve(message);
    });
    deps.tell({ type: 'purge', call, url, soft, token });
    return promise;
  };

  return {
    answer(req, res) {
      const url = targetUrl(req, deps.keySpace());
      if (url === undefined) return false;
      return answer(req, res, url);
    },
    settle(message) {
      waiting.get(message.call)?.(message);
      waiting.delete(message.call);
    },
    updateTokens(next) {
      tokens = next;
    },
  };

  async function answer(
    req: IncomingMessage,
    res: ServerResponse,
    url: { text: string; host: string },
  ): Promise<boolean> {
    const token = authenticated(tokens, first(req.rawHeaders, 'authorization'));
    if (!token)
      return reply(res, 401, { title: 'Unauthorized', detail: 'PURGE needs a purge token' });
    if (!token.hosts.includes('*') && !token.hosts.includes(url.host)) {
      return reply(res, 403, { title: 'Forbidden', detail: `the token is not for ${url.host}` });
    }
    if (waiting.size >= maxWaiting) {
      return reply(res, 503, { title: 'Overloaded', detail: 'too many purges wait for purge-api' });
    }
    const soft = first(req.rawHeaders, 'breakwater-soft-purge') === '1';
    const appended = await append(url.text, soft, token.name);
    if (!appended.ok) {
      return reply(res, 503, {
        title: 'Not appended',
        detail: appended.problem ?? 'purge-api refused',
      });
    }
    const body = `${JSON.stringify({ id: appended.id, seq: appended.seq, status: 'pending' })}\n`;
    res.writeHead(202, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    });
    res.end(body);
    return true;
  }
}

function targetUrl(
  req: IncomingMessage,
  keySpace: KeySpace,
): { text: string; host: string } | undefined {
  const target = parseTarget(req.url ?? '');
  if (!target || target.form === 'asterisk') return undefined;
  const host =
    target.form === 'absolute' ? target.host : parseHost(first(req.rawHeaders, 'host') ?? '')?.host;
  if (host === undefined || !keySpace.siteOf(host)?.purgeMethod) return undefined;
  return { text: `http://${host}${target.pathAndQuery}`, host };
}

/** The token that the field proves; compared by hash, in constant time. */
function authenticated(
  tokens: readonly PurgeToken[],
  field: string | undefined,
): PurgeToken | undefined {
  const given = /^Bearer ([^ ]+)$/i.exec(field ?? '')?.[1];
  if (given === undefined) return undefined;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const wanted = digest(given);
  return tokens.filter((token) => timingSafeEqual(digest(token.secret), wanted)).at(0);
}

function reply(
  res: ServerResponse,
  status: number,
  { title, detail }: { title: string; detail: string },
): true {
  const { contentType, body } = problemBody({
    status,
    title,
    detail,
    accept: undefined,
    requestId: '-',
  });
  res.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    // RFC 9110 §11.6.1: a 401 says how to authenticate.
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
  });
  res.end(body);
  return true;
}
