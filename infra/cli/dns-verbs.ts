/** The verbs that are about steering: the map, the simulation, and the database that places come from. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from './cli-context.ts';

export function addDnsVerbs(program: Command, context: CliContext): void {
  addCatchments(program, context);
  addSimulate(program, context);
  addGeoip(program, context);
}

const configOption = () => new Option('-c, --config <file>', 'the configuration of the network');
const jsonOption = () =>
  new Option('--json', 'for programs: JSON on standard output').default(false);
export const withoutOption = () =>
  new Option('--without <ids>', 'as if these PoPs were dead: par, or par,fra');

function addCatchments(program: Command, context: CliContext): void {
  program
    .command('catchments')
    .summary("say which country's clients the DNS sends to which PoP")
    .description(
      'Chooses for a client in the middle of each country, as the DNS of the network would now; without a running DNS, as the configuration has it.',
    )
    .argument('<name>', 'a host of a site of the network')
    .addOption(withoutOption())
    .option('--anycast', 'as if all PoPs had one address, compared with the DNS', false)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { catchments } = await import('./verbs/catchments.ts');
      await catchments(context, name, options);
    });
}

function addSimulate(program: Command, context: CliContext): void {
  program
    .command('simulate')
    .summary('play a population of clients: the load of each PoP, before and after a death')
    .description(
      'Clients over the countries of the world, by their internet users, are sent as the configuration has it, and again as PoPs fill, and die. Nothing is sent to anybody.',
    )
    .requiredOption('--clients <n>', 'how many, 1 to 1000000', parseCountOption)
    .addOption(withoutOption())
    .option('--host <name>', 'a host of a site (the first of the file)')
    .option('--seed <n>', 'another seed is another population (1)', parseCountOption, 1)
    .option(
      '--in-progress <n>',
      'requests in progress of a client, on average (0.05)',
      parseRatioOption,
      0.05,
    )
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { simulateClients } = await import('./verbs/simulate.ts');
      simulateClients(context, options);
    });
}

function addGeoip(program: Command, context: CliContext): void {
  program
    .command('geoip')
    .summary('fetch a GeoIP database')
    .description('The city database that the DNS servers locate clients by.')
    .command('update')
    .summary('fetch a newer city database, check it, and put it in place of the present one')
    .description(
      'Fetches DB-IP City Lite, GeoLite2 City (with an account of your own) or the file at a URL; the present file stays unless the new one is whole.',
    )
    .option('--from <source>', 'dbip, maxmind or an https URL (dbip)', 'dbip')
    .option('--to <file>', 'where it goes (dns[].geoip.database of the configuration)')
    .option('--account <id>', 'of MaxMind')
    .option('--key <secret>', 'licence key of MaxMind: env:NAME or file:PATH')
    .option('--sha256 <hex>', 'what the fetched file must have')
    .option('--force', 'take one that is older than the present one, too', false)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { geoipUpdate } = await import('./verbs/geoip.ts');
      await geoipUpdate(context, options);
    });
}

function parseCountOption(text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 1_000_000) throw new InvalidArgumentError('write 1 to 1000000.');
  return count;
}

function parseRatioOption(text: string): number {
  const ratio = Number(text);
  if (!(ratio > 0 && ratio <= 1000)) throw new InvalidArgumentError('write a number above 0.');
  return ratio;
}
