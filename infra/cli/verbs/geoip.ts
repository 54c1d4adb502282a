/** `breakwater geoip update`: fetches a city database to where the configuration has it. */
import path from 'node:path';
import { resolveSecret } from '../../../core/topology/load.ts';
import { fetchFile } from '../../geoip/fetch.ts';
import { type UpdateOptions, updateGeoip } from '../../geoip/update.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, usageError } from '../command-error.ts';
import { requireTopology } from '../find-config.ts';
import { formatBytes } from '../way.ts';

export interface GeoipUpdateOptions {
  config?: string;
  from: string;
  to?: string;
  account?: string;
  key?: string;
  sha256?: string;
  force: boolean;
  json: boolean;
}

export async function geoipUpdate(context: CliContext, options: GeoipUpdateOptions): Promise<void> {
  const file = targetOf(context, options);
  const { terminal } = context;
  const updating: UpdateOptions = {
    from: options.from,
    file,
    force: options.force,
    ...accountOf(context, options),
    ...(options.sha256 === undefined ? {} : { sha256: options.sha256 }),
  };
  try {
    const updated = await updateGeoip({ ...context, fetch: fetchFile }, updating);
    if (options.json) terminal.line(JSON.stringify({ file, ...updated }));
    else {
      const { description, bytes, isSame } = updated;
      terminal.line(`${file}: ${description}, ${formatBytes(bytes)}${isSame ? ', as before' : ''}`);
      terminal.line('DNS servers take it over with breakwater reload');
      if (options.from === 'dbip')
        terminal.line('IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)');
    }
  } catch (error) {
    throw new CommandError(`${file} is as it was: ${(error as Error).message}`);
  }
}

/** `--to`, or the one database that the configuration names. */
function targetOf(context: CliContext, { to, config }: GeoipUpdateOptions): string {
  if (to !== undefined) return path.resolve(context.cwd, to);
  const topology = requireTopology(config, context);
  const named = new Set(topology.dns.flatMap(({ geoip }) => geoip.database ?? []));
  const [only, another] = [...named];
  if (only === undefined) {
    throw usageError(
      `${topology.file} names no GeoIP database (dns[].geoip.database); or give --to FILE`,
    );
  }
  if (another !== undefined) {
    throw usageError(
      `the DNS servers have different databases; give --to, one of: ${[...named].join(', ')}`,
    );
  }
  return only;
}

function accountOf(
  { cwd, environment }: CliContext,
  { account, key }: GeoipUpdateOptions,
): Pick<UpdateOptions, 'account'> {
  if (account === undefined && key === undefined) return {};
  if (account === undefined || key === undefined)
    throw usageError('--account and --key go together');
  try {
    return { account: { id: account, key: resolveSecret(key, cwd, environment) } };
  } catch (error) {
    throw usageError((error as Error).message);
  }
}
