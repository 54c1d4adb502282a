/** The admin listener: whether the process lives, whether it takes purges, and its metrics. For operators, never public. */
import { Hono } from 'hono';
import { type Metrics, metricsContentType } from '../core/runtime/metrics.ts';

/** Creates the app; `notReady` says why no purge would be taken now, or undefined. */
export function createAdmin(metrics: Metrics, notReady: () => string | undefined): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const reason = notReady();
    return reason === undefined ? context.text('ready\n') : context.text(`${reason}\n`, 503);
  });
  app.get('/metrics', async (context) => {
    return context.body(await metrics.text(), 200, { 'content-type': metricsContentType });
  });
  return app;
}
