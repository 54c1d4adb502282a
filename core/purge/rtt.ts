/** Round-trip times that clients have measured to PoPs, as they come to the API and travel on to DNS servers. */
import { z } from 'zod';
import { ipAddress, nodeId } from '../topology/units.ts';

export const maxRttReports = 1000;

export const rttReportsSchema = z.strictObject({
  reports: z
    .array(
      z.strictObject({
        /** The client's address; only its network (/24, /48) is kept. */
        client: ipAddress,
        pop: nodeId,
        rttMs: z.number().positive().max(10_000),
      }),
    )
    .min(1)
    .max(maxRttReports),
});
export type RttReport = z.output<typeof rttReportsSchema>['reports'][number];
