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
    const command = program
      .command(verb)
      .summary(summary)
      .description(`${summary}, until SIGTERM or Ctrl-C; SIGHUP reads the configuration again`)
      .option('-c, --config <file>', 'the configuration of the network')
      .option('--id <id>', 'which node of the configuration')
      .action(async (options: { config?: string; id?: string }) => {
        // By hand: a required option would be required of what is below the verb as well.
        if (options.id === undefined) throw usageError('say which node it is: --id ID');
        const found = findConfig(options.config, context);
        if (!found) throw usageError('no configuration: give -c FILE, or set BREAKWATER_CONFIG');
        const run = await load();
        await run({ file: found.file, id: options.id });
      });
    if (verb === 'purge-api') addRestore(command, context);
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

function addRestore(purgeApi: Command, context: CliContext): void {
  purgeApi
    .command('restore')
    .summary('give a journal that was restored from a copy a new identity')
    .description(
      'To be run while purge-api is stopped, after its journal was put back from a copy: all nodes then count what they hold as purged.',
    )
    .option('-c, --config <file>', 'the configuration of the network')
    .option('--json', 'for programs: JSON on standard output', false)
    .action(async (_options, command: Command) => {
      const { restore } = await import('./verbs/restore.ts');
      // The configuration may have been named before the verb or after it.
      restore(context, command.optsWithGlobals());
    });
}
