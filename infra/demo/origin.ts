/**
 * The demo origin: a small real site for the network to stand in front of, so that a first look needs no server of
 * one's own. Every answer carries X-Origin-Request, the number of requests that have reached this process: a cached answer
 * shows the number of the request that made it.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { formatHostPort, type HostPort } from '../../core/runtime/addresses.ts';
import type { Clock } from '../../core/runtime/deps.ts';
import type { Log } from '../../core/runtime/log.ts';
import type { Service } from '../../core/runtime/service.ts';
import { createExhibits } from './exhibits.ts';
import { notFoundPage } from './pages.ts';
import { type Asked, type Reply, toResponse } from './reply.ts';

const maxBodyBytes = 64 * 1024;

/** The site as a Hono application: no socket yet. */
export function createSite({ clock }: { clock: Clock }): Hono {
  const site = new Hono();
  let requests = 0;
  const ask = async (context: Context): Promise<Asked> => {
    requests += 1;
    return {
      method: context.req.method,
      path: context.req.path,
      headers: context.req.raw.headers,
      requestNumber: requests,
      nowMs: clock.nowMs(),
      body: context.req.method === 'POST' ? await context.req.text() : '',
    };
  };
  for (const { path, reply } of createExhibits(clock)) {
    const answer = async (context: Context) => {
      const asked = await ask(context);
      return toResponse(await reply(asked), asked);
    };
    site.get(path, answer);
    if (path === '/api/echo') site.post(path, bodyLimit({ maxSize: maxBodyBytes }), answer);
    site.all(path, (context) => {
      const allow = path === '/api/echo' ? 'GET, HEAD, POST' : 'GET, HEAD';
      return context.text(`${context.req.method} is not served here\n`, 405, { allow });
    });
  }
  site.notFound(async (context) => {
    const asked = await ask(context);
    return toResponse(missing(asked.path), asked);
  });
  return site;
}

function missing(path: string): Reply {
  return { status: 404, type: 'text/html; charset=utf-8', content: notFoundPage(path) };
}

/** Starts the origin; rejects when `listen` cannot be bound. Port 0 lets the system choose; see `bound`. */
export async function startOrigin(
  { clock, log }: { clock: Clock; log: Log },
  listen: HostPort,
): Promise<Service & { bound: { listen: string } }> {
  // Without overriding the global Request and Response, whatever else runs in the process keeps Node's own.
  const server = createAdaptorServer({
    fetch: createSite({ clock }).fetch,
    overrideGlobalObjects: false,
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  const bound = { listen: formatHostPort({ host: address, port }) };
  log.info(bound, 'demo origin listens');
  return {
    bound,
    drain: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}
