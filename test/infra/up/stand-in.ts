/**
 * A stand-in for every node of a network, for tests of `up`: takes the same command line, answers `/readyz`, tells its
 * parent what it has bound, and ends as a real node does. What it does wrong is chosen by the environment.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseHostPort } from '../../../core/runtime/addresses.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { runService } from '../../../core/runtime/service.ts';
import { loadTopology } from '../../../core/topology/load.ts';
import { dataFolder, findNode, recordBound } from '../../../core/topology/nodes.ts';

const [verb = '', , file = '', , id = ''] = process.argv.slice(2);
const misbehaviour = process.env.STAND_IN_MISBEHAVES ?? '';

async function listen(
  address: string,
  answer: () => number,
): Promise<{ server: Server; bound: string }> {
  const parsed = parseHostPort(address);
  const server = createServer((_, response) => {
    response.statusCode = answer();
    response.end(`${verb} ${id}`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(parsed?.port, parsed?.host, resolve);
  });
  return { server, bound: `${parsed?.host}:${(server.address() as AddressInfo).port}` };
}

await runService(silentLog, async () => {
  const topology = loadTopology(file, process.env);
  const node = findNode(topology, id);
  if (misbehaviour === `fails ${id}`) throw new Error('out of luck');
  if (misbehaviour === `crashes ${id}`) process.nextTick(() => process.exit(7));
  const bound = { listen: '', admin: '' };
  const publicSide = await listen(node.listen, () => 200);
  const admin = await listen(node.admin, () => 200);
  bound.listen = publicSide.bound;
  bound.admin = admin.bound;
  recordBound(topology, id, bound);
  const note = (text: string) =>
    appendFileSync(path.join(dataFolder(topology, id), 'notes'), `${text}\n`);
  note(`started with ${process.env.BREAKWATER_WORKERS} workers`);
  return {
    bound,
    async drain() {
      note('drained');
      if (misbehaviour === `drags ${id}`) await new Promise(() => setInterval(() => {}, 1000));
      publicSide.server.close();
      admin.server.close();
    },
    async reload() {
      note('reloaded');
      return 'reloaded';
    },
  };
});
