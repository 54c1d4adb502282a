/** The demo origin as a process: `breakwater demo-origin`. */
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { systemClock } from '../../core/runtime/deps.ts';
import { createLog } from '../../core/runtime/log.ts';
import { runService } from '../../core/runtime/service.ts';
import { startOrigin } from './origin.ts';

/** Runs until a signal or the parent's end. */
export function runDemoOrigin({ listen }: { listen: string }): Promise<void> {
  const log = createLog({ service: 'demo-origin', node: 'origin' });
  return runService(log, async () => {
    const address = parseHostPort(listen);
    if (!address) throw new Error(`"${listen}" is no ADDRESS:PORT`);
    return startOrigin({ clock: systemClock, log }, address);
  });
}
