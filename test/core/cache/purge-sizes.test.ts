/** Purges that match very much: one step for the node, whatever they match, and nothing of it is used again (DESIGN section 4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { createTestEngine } from '../../support/engine.ts';
import { bodyOf, type Disk, openDisk, response } from './disk-fixture.ts';

const many = 100_000;
/** What waits to be written is bounded. */
const batch = 5000;
/** Long enough for counting and for a pass of the sweeper. */
const passMs = 130_000;

async function fill(disk: Disk): Promise<void> {
  for (let n = 0; n < many; n += 1) {
    const write = disk.tier.begin(response(`p/${n}`).key);
    write.finish(response(`p/${n}`, { bodyBytes: 0, tags: ['all'] }), 8);
    if (n % batch === batch - 1) await disk.settle();
  }
}

test(`the prefix / and a tag of ${many} responses: in force at once, counted and removed in the background`, async (t) => {
  const disk = await openDisk(t, { graceMs: 0, budgetBytes: 2 ** 30 });
  await fill(disk);
  const stored = () => disk.writer.stats().responses;
  const matched = () =>
    disk.reports.flatMap((report) => (report.type === 'matched' ? [report.responses] : []));
  assert.equal(stored(), many);
  await disk.purge([{ kind: 'prefix', prefix: 'http://www.demo.test/' }], { soft: true });
  await disk.purge([{ kind: 'tag', tag: 'all' }]);
  // Nothing has been looked at, and what was fetched before is refused already.
  assert.deepEqual([stored(), matched()], [many, []]);
  const late = response('late', { tags: ['all'] });
  assert.equal(await disk.store(late, bodyOf(10, 'late')), null);
  await disk.clock.advance(passMs);
  assert.deepEqual([stored(), matched()], [0, [many, many]]);
});

for (const soft of [false, true]) {
  test(`a URL with 64 variants, ${soft ? 'soft' : 'hard'}: each is asked for anew, and no other URL`, async () => {
    const site = { cache: { vary: { maxVariants: 64 } } };
    const engine = createTestEngine({ site });
    let version = 'old';
    engine.upstream.script = (call) => {
      const language = call.field('accept-language') ?? '';
      const headers = ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language'];
      call.respond({ headers, body: `${version} ${language}` });
    };
    const languages = Array.from({ length: 64 }, (_, n) => `x-${n}`);
    const read = async (path: string) => {
      const told: string[] = [];
      for (const language of languages) {
        const { answer, body } = await engine.fetch(path, {
          headers: ['Accept-Language', language],
        });
        const isDelivered = answer.kind === 'stored' || answer.kind === 'streaming';
        const said = isDelivered ? outcomeOf(answer, engine.clock.nowMs()).xCache : answer.kind;
        told.push(`${said} ${body}`);
      }
      return told;
    };
    const all = (said: string, content: string) => languages.map((l) => `${said} ${content} ${l}`);
    for (const path of ['/page', '/other']) {
      assert.deepEqual(await read(path), all('MISS', 'old'));
      assert.deepEqual(await read(path), all('HIT', 'old'));
    }
    version = 'new';
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/page' }], { soft });
    assert.deepEqual(await read('/page'), all('MISS', 'new'));
    assert.deepEqual(await read('/page'), all('HIT', 'new'));
    assert.deepEqual(await read('/other'), all('HIT', 'old'));
  });
}
