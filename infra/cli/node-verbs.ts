/** The verbs that run one process until it is told to stop: the nodes, and the demo origin. */
import type { Command } from 'commander';
import type { NodeOptions } from '../../core/topology/run-node.ts';
import type { CliContext } from './cli-context.ts';
import { usageError } from './command-error.ts';
import { demoOriginAddress, findConfig } from './find-config.ts';

interface NodeVerb {
  verb: string;
  summary: string;
  /** Loads the service; what it returns resolves never, because the service ends the process. */
  load(): Promise<(options: NodeOptions) => Promise<void>>;
}

const nodeVerbs: readonly NodeVerb[] = [
  {
    verb: 'edge',
    summary: 'run one edge (a PoP)',
    load: async () => (await import('../../edge/main.ts')).runEdge,
  },
  {
    verb: 'shield',
    summary: 'run one origin shield',
    load: async () => (await import('../../origin-shield/main.ts')).runShield,
  },
  {
    verb: 'dns',
    summary: 'run one DNS server',
    load: async () => (await import('../../geo-dns/main.ts')).runDns,
  },
  {
    verb: 'purge-api',
    summary: 'run the purge API',
    load: async () => (await import('../../purge-api/main.ts')).runPurgeApi,
  },
];

export function addNodeVerbs(program: Command, context: CliContext): void {
  for (const { verb, summary, load } of nodeVerbs) {
    program
      .command(verb)
      .summary(summary)
      .description(`${summary}, until SIGTERM or Ctrl-C; SIGHUP reads the configuration again`)
      .option('-c, --config <file>', 'the configuration of the network')
      .requiredOption('--id <id>', 'which node of the configuration')
      .action(async (options: { config?: string; id: string }) => {
        const found = findConfig(options.config, context);
        if (!found) throw usageError('no configuration: give -c FILE, or set BREAKWATER_CONFIG');
        const run = await load();
        await run({ file: found.file, id: options.id });
      });
  }
  program
    .command('demo-origin')
    .summary('run the small site behind the demo network')
    .option('--listen <address>', `ADDRESS:PORT (${demoOriginAddress})`, demoOriginAddress)
    .action(async (options: { listen: string }) => {
      const { runDemoOrigin } = await import('../demo/main.ts');
      await runDemoOrigin(options);
    });
}
