/** The admin listener: whether the process lives, whether it answers and with which PoPs, and its metrics. Never public. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { formatHostPort, type HostPort } from '../core/runtime/addresses.ts';
import { type Metrics, metricsContentType } from '../core/runtime/metrics.ts';
import type { PopStanding } from './select.ts';

export interface AdminState {
  metrics: Metrics;
  /** Why the server should not be asked, or undefined. */
  notReady(): string | undefined;
  pops(): readonly PopStanding[];
}

export interface AdminListener {
  /** `host:port` as bound. */
  readonly bound: string;
  close(): Promise<void>;
}

/** `/readyz` names every PoP with its standing, and why: an answer may be wrong while the server is right. */
export function createAdmin({ metrics, notReady, pops }: AdminState): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const reason = notReady();
    const list = pops().map(({ pop, standing, why, load }) => ({
      id: pop.id,
      standing,
      why,
      load,
    }));
    return context.json(
      { ready: reason === undefined, ...(reason === undefined ? {} : { reason }), pops: list },
      reason === undefined ? 200 : 503,
    );
  });
  app.get('/metrics', async (context) => {
    return context.body(await metrics.text(), 200, { 'content-type': metricsContentType });
  });
  return app;
}

/** Binds; rejects with the system's error when that fails. */
export async function listenAdmin(app: Hono, { host, port }: HostPort): Promise<AdminListener> {
  const server: Server = createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    bound: formatHostPort({ host, port: address.port }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}
