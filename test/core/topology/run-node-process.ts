/** Runs a node of the role and id given on the command line; a node that starts says so and ends. */

import type { Role } from '../../../core/topology/nodes.ts';
import { runNode } from '../../../core/topology/run-node.ts';

const [role = '', file = '', id = ''] = process.argv.slice(2);
await runNode(role as Role, { file, id }, async ({ topology, node, instance, loadAgain }) => {
  const same = loadAgain().hash === topology.hash;
  process.stdout.write(
    `${node.id} ${topology.secret} ${/^[0-9a-f]{16}$/.test(instance)} ${same}\n`,
  );
  process.exit(0);
});
