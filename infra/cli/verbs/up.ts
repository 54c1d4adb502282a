/** `breakwater up`: every node of a file on this machine; without a file, the demo network. */
import path from 'node:path';
import { demoConfigFile, demoConfigFor } from '../../demo/demo-config.ts';
import { createJsonReport, createWordReport } from '../../up/report.ts';
import { processSignals } from '../../up/signals.ts';
import { runUp } from '../../up/up.ts';
import type { CliContext } from '../cli-context.ts';
import { demoOriginAddress, findNamedConfig } from '../find-config.ts';

export interface UpVerbOptions {
  config?: string;
  /** True: at its default address. */
  demoOrigin?: string | true;
  json: boolean;
}

/** Resolves with the exit code when the network has stopped. */
export function up(context: CliContext, options: UpVerbOptions): Promise<number> {
  const { terminal, clock, random, environment, cwd } = context;
  const named = findNamedConfig(options.config, context);
  const file = named?.file ?? demoConfigFor(process.platform, path.resolve(cwd, '.breakwater'));
  const demoOrigin =
    options.demoOrigin === true ||
    (options.demoOrigin === undefined && (!named || file === demoConfigFile))
      ? demoOriginAddress
      : options.demoOrigin;
  return runUp(
    {
      clock,
      random,
      environment,
      cwd,
      report: options.json ? createJsonReport(terminal) : createWordReport(terminal, clock),
      signals: processSignals(),
      pid: process.pid,
      command: [process.execPath, ...process.execArgv, context.script],
    },
    { file, demoOrigin },
  );
}
