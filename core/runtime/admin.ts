/**
 * The admin listener that every node has: `/healthz`, `/readyz`, `/metrics`, and what a service adds. For operators and
 * Prometheus, never public. The three answer alike everywhere, so that a probe written for one node fits all.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type HostPort, parseHostPort } from './addresses.ts';
import { metricsContentType } from './metrics.ts';

/** Whether clients should be sent to the node; further fields are shown as they are. */
export interface Readiness {
  ready: boolean;
  /** Why not. */
  reason?: string | undefined;
}

export interface AdminState {
  node: string;
  readiness: () => Readiness;
  /** The exposition text of the node's metrics. */
  metrics: () => Promise<string>;
}

export interface Admin {
  address: HostPort;
  close(): Promise<void>;
}

/** The routes that all services share; a service adds its own. */
export function createAdminApp({ node, readiness, metrics }: AdminState): Hono {
  const app = new Hono();
  app.get('/healthz', (c) => c.json({ node, alive: true }));
  app.get('/readyz', (c) => {
    const state = readiness();
    return c.json({ node, ...state }, state.ready ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.body(await metrics(), 200, { 'Content-Type': metricsContentType }),
  );
  app.notFound((c) => adminProblem(404, 'Not found', `there is no ${c.req.method} ${c.req.path}`));
  return app;
}

/** An error answer (RFC 9457). */
export function adminProblem(status: number, title: string, detail: string): Response {
  return new Response(`${JSON.stringify({ type: 'about:blank', status, title, detail })}\n`, {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
  });
}

/** Binds `ADDRESS:PORT`; rejects with the system's error. */
export async function listenAdmin(app: Hono, listen: string): Promise<Admin> {
  const wanted = parseHostPort(listen);
  if (!wanted) throw new Error(`${listen} is no address to listen on`);
  // The adapter would otherwise put its own Request and Response in the place of Node's.
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  await bind(server, wanted);
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: wanted.host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
