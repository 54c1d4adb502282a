/**
 * A process under `runService` for tests. Its argument says what its service does: `serve` drains at once, `slow` never
 * finishes draining, a number fails to bind that port, `text` fails with a plain error.
 */
import { createServer } from 'node:net';
import { createLog } from '../../../core/runtime/log.ts';
import { runService, type Service } from '../../../core/runtime/service.ts';

const [kind = 'serve'] = process.argv.slice(2);
const log = createLog({ service: 'edge', node: 'par' });
let reloads = 0;

async function start(): Promise<Service> {
  if (kind === 'text') throw new Error('a reason in words');
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(Number(kind) || 0, '127.0.0.1', resolve);
  await promise;
  log.info('started');
  return {
    bound: { listen: 'there' },
    async drain(limitMs) {
      log.info({ limitMs }, 'asked to drain');
      if (kind === 'slow') await new Promise(() => {});
      server.close();
    },
    async reload() {
      reloads += 1;
      if (reloads > 1) throw new Error('the file is wrong');
      return 'took it over';
    },
  };
}

await runService(log, start);
