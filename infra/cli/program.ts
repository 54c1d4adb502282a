/**
 * The command line as its help shows it. Every verb is a file of its own and is loaded only when it is asked for, so that
 * `breakwater get` does not wait for what `breakwater edge` needs.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { TopologyError } from '../../core/topology/load.ts';
import { parseDurationMs } from '../../core/topology/units.ts';
import type { CliContext } from './cli-context.ts';
import { CommandError, exitCodes } from './command-error.ts';
import { addDnsVerbs, withoutOption } from './dns-verbs.ts';
import { demoOriginAddress } from './find-config.ts';
import { addNodeVerbs } from './node-verbs.ts';

/** Runs one command line; resolves with the exit code. A node or `up` resolves only when it has ended. */
export async function runProgram(context: CliContext, args: readonly string[]): Promise<number> {
  // A verb that ends neither well nor by an exception sets it: purge that did not converge, up that failed.
  let exitCode: number = exitCodes.done;
  const program = createProgram(context, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return tell(context, error);
  }
}

/** One clear message for what people meet; anything else is a mistake of ours and keeps its stack. */
function tell({ terminal }: CliContext, error: unknown): number {
  // commander has printed what it has to say: help, or what is wrong with the arguments.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
  if (error instanceof CommandError) {
    terminal.problem(error.message);
    return error.exitCode;
  }
  if (error instanceof TopologyError) {
    terminal.problem(error.message);
    return exitCodes.refused;
  }
  throw error;
}

type SetExitCode = (code: number) => void;

function createProgram(context: CliContext, setExitCode: SetExitCode): Command {
  const program = new Command('breakwater')
    .description('A content delivery network that you run yourself.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.line(text.trimEnd()),
      writeErr: (text) => context.terminal.problem(text.trimEnd()),
    })
    .helpCommand(false)
    // Defaults stand in the descriptions, where they are worth a word.
    .configureHelp({ optionDescription: ({ description }) => description })
    .showHelpAfterError('(breakwater --help shows what there is)')
    .addHelpText('after', epilogue);
  addUp(program, context, setExitCode);
  addCheck(program, context);
  addGet(program, context);
  addExplain(program, context, setExitCode);
  addExplainDns(program, context);
  addDnsVerbs(program, context);
  addPurge(program, context, setExitCode);
  addStatus(program, context);
  addEvidence(program, context, setExitCode);
  addForgetKey(program, context);
  addReload(program, context, setExitCode);
  addDnssec(program, context);
  addNodeVerbs(program, context);
  return program;
}

const epilogue = `
The configuration is FILE of -c, BREAKWATER_CONFIG, ./breakwater.yaml, or the network that was started last from this
folder. The purge API and its token: --api and --token, BREAKWATER_API and BREAKWATER_TOKEN, or what the configuration says.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a purge has not converged.

First steps (in a checkout, \`npm run -s breakwater --\` stands for \`breakwater\`):
  breakwater up                                      the demo network, on this machine
  breakwater get http://www.demo.test/ --from Tokyo
  breakwater purge --tag news --wait 10s`;

const configOption = () => new Option('-c, --config <file>', 'the configuration of the network');
const jsonOption = () =>
  new Option('--json', 'for programs: JSON on standard output').default(false);

function addUp(program: Command, context: CliContext, setExitCode: SetExitCode): void {
  program
    .command('up')
    .summary('run every node of the file on this machine')
    .description(
      'Runs every node of the configuration on this machine until Ctrl-C. Without a configuration: the demo network, with an origin.',
    )
    .addOption(configOption())
    .option(
      '--demo-origin [address]',
      `run the demo origin as well, at ADDRESS:PORT (${demoOriginAddress})`,
      parseAddressOption,
    )
    .addOption(jsonOption())
    .action(async (options) => {
      const { up } = await import('./verbs/up.ts');
      setExitCode(await up(context, options));
    });
}

function addCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .summary('say what a configuration means, or all that is wrong with it')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { check } = await import('./verbs/check.ts');
      check(context, options);
    });
}

function addGet(program: Command, context: CliContext): void {
  program
    .command('get')
    .summary('fetch a URL as a client somewhere, and show the way')
    .description(
      'Asks the DNS of the network as a client at a place would, fetches from the PoP that it names, and prints the way.',
    )
    .argument('<url>', 'http://HOST/PATH, of a site of the network')
    .requiredOption(
      '--from <place>',
      'a place of the configuration, such as Tokyo, or an IP address',
    )
    .option(
      '--method <method>',
      'the method of the request (GET)',
      (text) => text.toUpperCase(),
      'GET',
    )
    .option('--header <field>', '"Name: value"; may be repeated', collect, [])
    .option('--body', "print the response's body, and nothing else", false)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (url, options) => {
      const { get } = await import('./verbs/get.ts');
      await get(context, url, options);
    });
}

const apiOptions = (command: Command) =>
  command
    .addOption(configOption())
    .option('--api <url>', 'address of the purge API')
    .option('--token <secret>', 'token for the purge API')
    .addOption(jsonOption());

function addExplain(program: Command, context: CliContext, setExitCode: SetExitCode): void {
  const command = program
    .command('explain')
    .summary('say what each node holds under a URL, and why it would answer as it would')
    .description(
      'Asks every PoP and shield what it holds under a URL and what it would answer to a plain GET; nothing is fetched or changed.',
    )
    .argument('<url>', 'http://HOST/PATH, of a site of the network')
    .option('--pop <id>', 'one PoP or shield, in detail')
    .option('--header <field>', '"Name: value" of the request; may be repeated', collect, []);
  apiOptions(command).action(async (url, options) => {
    const { explain } = await import('./verbs/explain.ts');
    setExitCode(await explain(context, url, options));
  });
}

function addExplainDns(program: Command, context: CliContext): void {
  program
    .command('explain-dns')
    .summary('say which PoP the DNS sends a client to, and why')
    .description(
      'Asks the DNS of the network as a client at a place would; prints every PoP in the order of preference, the answer, and for whom it holds.',
    )
    .argument('<name>', 'a host of a site of the network')
    .requiredOption(
      '--from <place>',
      'a place of the configuration, such as Tokyo, or an IP address',
    )
    .addOption(withoutOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { explainDns } = await import('./verbs/explain-dns.ts');
      await explainDns(context, name, options);
    });
}

function addPurge(program: Command, context: CliContext, setExitCode: SetExitCode): void {
  const command = program
    .command('purge')
    .summary('make stored responses invalid, everywhere')
    .description(
      'Selectors may be mixed and repeated; up to 1,000 are one purge. Lines of a file: url URL, tag TAG, prefix URL, host HOST.',
    )
    .option('--url <url>', 'a URL, with all its variants', collect, [])
    .option('--tag <tag>', 'every response with this surrogate tag', collect, [])
    .option('--prefix <url>', 'every URL that begins with this', collect, [])
    .option('--host <host>', 'everything of a host', collect, [])
    .option('--all', 'everything', false)
    .option('--from-file <file>', 'selectors from a file, one on a line; - is standard input')
    .option('--soft', 'make it stale, instead of unusable', false)
    .option('--wait <duration>', 'wait until every node has applied it', parseDurationOption)
    .option('--accept-quarantined', 'count a node without a lease as done', false)
    .option('--idempotency-key <key>', 'the same key again is the same purge (a random one)')
    .option('--warm <number>', 'fetch so many of the hottest anew, shields first', parseCountOption)
    .option('--dry-run', 'only say what each node would have to forget', false);
  apiOptions(command).action(async (options) => {
    const { purge } = await import('./verbs/purge.ts');
    setExitCode(await purge(context, options));
  });
}

function addStatus(program: Command, context: CliContext): void {
  apiOptions(
    program
      .command('status')
      .summary('the nodes of the network: state, load, position')
      .option('--keys', 'the fingerprints of the keys that nodes sign with, for verify', false),
  ).action(async (options) => {
    const { status } = await import('./verbs/status.ts');
    await status(context, options);
  });
}

function addEvidence(program: Command, context: CliContext, setExitCode: SetExitCode): void {
  program
    .command('evidence')
    .summary('the signed evidence of a purge, to be kept')
    .argument('<id>', 'the id of the purge, as purge prints it')
    .option('-o, --output <file>', 'write it to FILE')
    .addOption(configOption())
    .option('--api <url>', 'address of the purge API')
    .option('--token <secret>', 'token for the purge API')
    .action(async (id, options) => {
      const { evidence } = await import('./verbs/evidence.ts');
      await evidence(context, id, options);
    });
  program
    .command('verify')
    .summary('check a file of evidence, without the network')
    .description(
      'Checks the hash of the entry, every signature, and that all nodes that were needed are covered. Whose the keys are only fingerprints tell.',
    )
    .argument('<file>', 'as breakwater evidence has written it')
    .option('--fingerprint <node=SHA256:…>', 'the key of a node; may be repeated', collect, [])
    .option('--fingerprints <file>', 'a file of such lines, of breakwater status --keys')
    .addOption(jsonOption())
    .action(async (file, options) => {
      const { verify } = await import('./verbs/verify.ts');
      setExitCode(verify(context, file, options));
    });
}

function addForgetKey(program: Command, context: CliContext): void {
  apiOptions(
    program
      .command('forget-key')
      .summary('let a node whose data folder was lost come back with a new key')
      .argument('<id>', 'the node'),
  ).action(async (id, options) => {
    const { forgetKey } = await import('./verbs/forget-key.ts');
    await forgetKey(context, id, options);
  });
}

function addReload(program: Command, context: CliContext, setExitCode: SetExitCode): void {
  apiOptions(
    program
      .command('reload')
      .summary('make every node read its configuration again')
      .description(
        'Every node checks its file and takes over what it can without a restart; says what was applied and what was refused.',
      ),
  ).action(async (options) => {
    const { reload } = await import('./verbs/reload.ts');
    setExitCode(await reload(context, options));
  });
}

function addDnssec(program: Command, context: CliContext): void {
  const group = program
    .command('dnssec')
    .summary('the keys that sign a zone: keygen, ds, roll')
    .description(
      'Makes, shows and replaces the keys of a zone that the configuration signs (dns[].zones[].dnssec), on this machine.',
    );
  const verb = (name: string, summary: string) =>
    group
      .command(name)
      .summary(summary)
      .argument('<zone>', 'such as example.org')
      .addOption(configOption())
      .addOption(jsonOption());
  verb('keygen', 'make the first key').action(async (zone, options) => {
    const { keygen } = await import('./verbs/dnssec.ts');
    keygen(context, zone, options);
  });
  verb('ds', 'show the keys, and the DS records for the registrar').action(
    async (zone, options) => {
      const { ds } = await import('./verbs/dnssec.ts');
      ds(context, zone, options);
    },
  );
  verb('roll', 'take the next step of replacing the key')
    .option('--now', 'without waiting until caches have forgotten', false)
    .action(async (zone, options) => {
      const { roll } = await import('./verbs/dnssec.ts');
      roll(context, zone, options);
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function parseDurationOption(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('write 500ms, 10s or 2m.');
  return ms;
}

function parseCountOption(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('write a number from 1 on.');
  return Number(text);
}

function parseAddressOption(text: string): string {
  if (!parseHostPort(text)) throw new InvalidArgumentError('write ADDRESS:PORT.');
  return text;
}
