/** Runs `up` on the file that it is given, with stand-ins for the nodes, and prints its events as JSON lines. */
import path from 'node:path';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { createTerminal } from '../../../infra/cli/terminal.ts';
import { createJsonReport } from '../../../infra/up/report.ts';
import { processSignals } from '../../../infra/up/signals.ts';
import { runUp } from '../../../infra/up/up.ts';

process.exitCode = await runUp(
  {
    clock: systemClock,
    random: systemRandom,
    environment: process.env,
    report: createJsonReport(createTerminal(process.stdout, process.stderr)),
    signals: processSignals(),
    cwd: process.cwd(),
    pid: process.pid,
    command: [process.execPath, path.join(import.meta.dirname, 'stand-in.ts')],
  },
  { file: process.argv[2] ?? '', demoOrigin: undefined },
);
