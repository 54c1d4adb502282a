/** Random histories of the disk tier against what a list of all purges says. fast-check prints the seed of a failure. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { JournalEntry } from '../../../core/purge/command.ts';
import { bodyOf, type Disk, openDisk, response } from './disk-fixture.ts';

const page = fc.integer({ min: 0, max: 5 });
const tag = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('store' as const), page, tag }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), page, tag }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), page, tag }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('purge' as const), tag, soft: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('everything' as const), soft: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), page }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(5, 100, 70_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What was stored, by its ETag: valid as far as this epoch says, and listed under this tag. */
interface Fetched {
  epoch: number;
  tag: string;
}

class History {
  readonly fetched = new Map<string, Fetched>();
  readonly purges: JournalEntry[] = [];
  open: (() => void)[] = [];
  disk: Disk;
  private readonly t: TestContext;
  constructor(t: TestContext, disk: Disk) {
    this.t = t;
    this.disk = disk;
  }

  /** A response as fetched now: its epoch is the cursor before the request. */
  fetch(pageNumber: number, tagNumber: number) {
    const etag = `"${this.fetched.size}"`;
    const epoch = this.disk.writer.position()?.seq ?? 0;
    this.fetched.set(etag, { epoch, tag: `t${tagNumber}` });
    return response(`p${pageNumber}`, { etag, tags: [`t${tagNumber}`], labelSeq: epoch });
  }

  async run(action: Step): Promise<void> {
    const { disk } = this;
    switch (action.do) {
      case 'store':
        await disk.store(this.fetch(action.page, action.tag), bodyOf(1000, 'x'));
        break;
      case 'begin': {
        const init = this.fetch(action.page, action.tag);
        const write = disk.tier.begin(init.key);
        write.append(bodyOf(1000, 'x'));
        this.open.push(() => write.finish(init, 8));
        break;
      }
      case 'finish':
        this.open.shift()?.();
        break;
      case 'renew': {
        const [row] = disk.tier.lookup(response(`p${action.page}`).key);
        if (row) disk.tier.update(row.rowId ?? 0, this.fetch(action.page, action.tag));
        break;
      }
      case 'purge':
        this.purges.push(await disk.purge([{ kind: 'tag', tag: `t${action.tag}` }], action));
        break;
      case 'everything':
        this.purges.push(await disk.purge([{ kind: 'everything' }], action));
        break;
      case 'remove':
        disk.tier.remove([response(`p${action.page}`).key]);
        break;
      case 'wait':
        await disk.clock.advance(action.ms);
        break;
      case 'restart':
        this.open = [];
        disk.close();
        this.disk = await openDisk(this.t, { file: disk.file, clock: disk.clock, isFresh: false });
        break;
    }
  }

  /** A label of n says: no hard purge in (epoch, n] matched, and for a soft one the row is marked. */
  check(): void {
    for (let n = 0; n <= 5; n += 1) {
      for (const row of this.disk.tier.lookup(response(`p${n}`).key)) {
        const fetched = this.fetched.get(row.etag ?? '');
        assert.ok(fetched, 'a row that nobody stored');
        const matches = this.purges.filter(
          ({ seq, selectors }) =>
            seq > fetched.epoch &&
            seq <= row.labelSeq &&
            selectors.some(
              (s) => s.kind === 'everything' || (s.kind === 'tag' && s.tag === fetched.tag),
            ),
        );
        assert.ok(
          !matches.some(({ soft }) => !soft),
          `a hard purge is hidden by label ${row.labelSeq}`,
        );
        const [first] = matches;
        if (first) assert.equal(row.staleSinceMs, first.atMs);
        else assert.equal(row.staleSinceMs, null);
      }
    }
  }
}

test('a label never hides a purge, whatever happens in which order', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const history = new History(t, await openDisk(t, { batchMs: 1, graceMs: 0 }));
      for (const action of steps) {
        await history.run(action);
        history.check();
      }
      history.disk.close();
    }),
    { numRuns: 40 },
  );
});
