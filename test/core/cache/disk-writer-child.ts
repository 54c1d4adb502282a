/**
 * A process that writes to a disk tier until it is killed: bodies of many sizes under few keys, so that rows are replaced,
 * removed, aborted, evicted and purged at the moment of its death. What it tells its parent it has seen committed.
 */

import { createDiskReader } from '../../../core/cache/disk-reader.ts';
import { createDiskTier } from '../../../core/cache/disk-tier.ts';
import { createDiskWriter } from '../../../core/cache/disk-writer.ts';
import { startOf } from '../../../core/purge/command.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';
import { bodyOf, entryAfter, identity, normalise, response } from './disk-fixture.ts';

const [file = '', seed = '1'] = process.argv.slice(2);
const random = createSeededRandom(Number(seed));
const below = (limit: number) => Math.floor(random.unit() * limit);
const deps = { clock: systemClock, log: silentLog, metrics: createMetrics() };
const writer = createDiskWriter(deps, {
  file,
  budgetBytes: 8 * 2 ** 20,
  normalise,
  batchMs: 2,
  graceMs: 50,
  sweepIntervalMs: 100,
});
if (!writer.position())
  await writer.control({ type: 'reset', call: 0, position: startOf(identity) });
const connection = writer.connect({ post: (message) => tier.receive(message) });
const tier = createDiskTier({
  ...deps,
  reader: createDiskReader(deps, { file }),
  toWriter: { post: (message) => connection.receive(structuredClone(message)) },
});

/** Its seed travels in the ETag, so that whoever reads it back knows the bytes. */
function storeOne(): void {
  const bodySeed = `${seed}-${below(1e9)}`;
  const bodyBytes = below(4) === 0 ? below(1_500_000) : below(5000);
  const labelSeq = writer.position()?.seq ?? 0;
  const init = response(`p${below(60)}`, {
    bodyBytes,
    etag: bodySeed,
    labelSeq,
    tags: [`t${below(5)}`],
  });
  const body = bodyOf(bodyBytes, bodySeed);
  const write = tier.begin(init.key);
  for (let at = 0; at < body.length; ) {
    const length = 1 + below(200_000);
    write.append(body.subarray(at, at + length));
    at += length;
  }
  if (below(10) === 0) write.abort();
  else write.finish(init, 4);
}

async function purgeOne(): Promise<void> {
  const at = writer.position() ?? startOf(identity);
  const entry = entryAfter(at, [{ kind: 'tag', tag: `t${below(5)}` }], { soft: below(2) === 0 });
  const position = { identity, seq: entry.seq, hash: entry.hash };
  await writer.control({ type: 'apply', call: 0, entries: [entry], position });
  process.send?.({ applied: entry.seq });
}

process.send?.({ ready: true });
for (;;) {
  for (let n = below(12); n >= 0; n -= 1) storeOne();
  if (below(3) === 0) await purgeOne();
  if (below(5) === 0) tier.remove([response(`p${below(60)}`).key]);
  await systemClock.sleep(below(4));
}
