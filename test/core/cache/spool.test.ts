/** Rules of core/cache/spool.ts: what readers get of a body that is on its way, and what it costs in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BodyReader } from '../../../core/cache/body-reader.ts';
import { createSpool, type SpoolBacking, type SpoolOptions } from '../../../core/cache/spool.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

/** A spool whose writer's pace can be seen. */
function open(options: Partial<SpoolOptions> = {}) {
  const clock = createFakeClock();
  const seen = { paused: false, cut: 0, gone: [] as number[] };
  const spool = createSpool({
    clock,
    windowBytes: 8,
    stallLimitMs: 1000,
    onPause: () => {
      seen.paused = true;
    },
    onResume: () => {
      seen.paused = false;
    },
    onReaderGone: (left) => seen.gone.push(left),
    onStalledReaderCut: () => {
      seen.cut += 1;
    },
    ...options,
  });
  const append = (text: string) => spool.append(Buffer.from(text));
  const reader = (start = 0, end = Number.POSITIVE_INFINITY) => {
    const made = spool.reader(start, end);
    assert.ok(made, 'the bytes are there');
    return made;
  };
  return { clock, seen, spool, append, reader };
}

/** Takes all that can be had now. */
function drain(reader: BodyReader): string {
  let text = '';
  for (let piece = reader.take(); piece; piece = reader.take()) text += piece.toString();
  return text;
}

/** Chunk rows of 4 bytes over `body`, committed as far as the test says. */
function rowsOf(body: string): SpoolBacking & { committedBytes: number; usable: boolean } {
  const chunkBytes = 4;
  const backing = {
    chunkBytes,
    committedBytes: 0,
    usable: true,
    readChunk(n: number) {
      const end = Math.min((n + 1) * chunkBytes, backing.committedBytes);
      const chunk = Buffer.from(body.slice(n * chunkBytes, end));
      return chunk.length > 0 ? chunk : undefined;
    },
  };
  return backing;
}

describe('a reader', () => {
  it('gets what is there, then what comes, then the end', () => {
    const { append, reader, spool } = open();
    append('ab');
    const one = reader();
    assert.equal(drain(one), 'ab');
    assert.equal(one.state, 'open');
    append('cd');
    spool.end();
    assert.equal(drain(one), 'cd');
    assert.equal(one.state, 'ended');
  });

  it('is called once when there is more after it came back empty', () => {
    const { append, reader } = open();
    const one = reader();
    let calls = 0;
    assert.equal(one.take(), undefined);
    one.onReadable = () => {
      calls += 1;
    };
    append('a');
    append('b');
    assert.equal(calls, 1);
  });

  it('hears of the end and of a failure', () => {
    for (const how of ['end', 'fail'] as const) {
      const { reader, spool } = open();
      const one = reader();
      let state: string | undefined;
      one.onReadable = () => {
        state = one.state;
      };
      spool[how]();
      assert.equal(state, how === 'end' ? 'ended' : 'failed');
    }
  });

  it('gets what had arrived before a failure, and then fails', () => {
    const { append, reader, spool } = open();
    append('abc');
    const one = reader();
    spool.fail();
    assert.equal(one.state, 'open');
    assert.equal(drain(one), 'abc');
    assert.equal(one.state, 'failed');
  });

  it('of a range gets exactly the range, across pieces', () => {
    const { append, reader, spool } = open();
    const one = reader(1, 5);
    append('abc');
    append('def');
    assert.equal(drain(one), 'bcde');
    assert.equal(one.state, 'ended');
    assert.equal(spool.readers, 0);
  });

  it('of a range that has not arrived waits for it', () => {
    const { append, reader } = open();
    const one = reader(4, 6);
    append('abcd');
    assert.equal(one.take(), undefined);
    append('efg');
    assert.equal(drain(one), 'ef');
  });

  it('that is closed takes nothing and counts no more', () => {
    const { append, reader, seen } = open();
    const one = reader();
    one.close();
    one.close();
    append('a');
    assert.equal(one.take(), undefined);
    assert.equal(one.state, 'ended');
    assert.deepEqual(seen.gone, [0]);
  });

  it('is refused when the beginning has left the window', () => {
    const { append, reader, spool } = open();
    const one = reader();
    for (const text of ['abcd', 'efgh', 'ijkl']) {
      append(text);
      drain(one);
    }
    assert.equal(spool.reader(0, 12), undefined);
    assert.ok(spool.reader(8, 12));
  });
});

describe('the window', () => {
  it('pauses the writer when the slowest reader lags, and resumes it when that has caught up', () => {
    const { append, reader, seen } = open();
    const [slow, fast] = [reader(), reader()];
    for (const text of ['abcd', 'efgh', 'ijkl']) {
      append(text);
      drain(fast);
    }
    assert.ok(seen.paused);
    assert.equal(drain(slow), 'abcdefghijkl');
    assert.ok(!seen.paused);
  });

  it('keeps a small body whole, so that newcomers and the memory tier get it', () => {
    const { append, reader, spool } = open();
    const one = reader();
    append('abcd');
    drain(one);
    assert.equal(drain(reader()), 'abcd');
    spool.end();
    assert.equal(spool.whole()?.toString(), 'abcd');
  });

  it('lets go of what the disk has, whoever lags', () => {
    const { append, reader, seen, spool } = open();
    const body = 'abcdefghijkl';
    const rows = rowsOf(body);
    spool.back(rows);
    const slow = reader();
    append(body.slice(0, 4));
    append(body.slice(4));
    assert.ok(seen.paused);
    rows.committedBytes = 12;
    spool.backingProgress();
    assert.ok(!seen.paused);
    assert.equal(spool.retainedBytes, 0);
    assert.equal(drain(slow), body);
  });

  it('joins memory and disk at any offset, for a newcomer too', () => {
    const { append, reader, spool } = open();
    const body = 'abcdefghijklmn';
    const rows = rowsOf(body);
    spool.back(rows);
    append(body.slice(0, 5));
    append(body.slice(5, 10));
    rows.committedBytes = 8;
    spool.backingProgress();
    append(body.slice(10));
    assert.equal(drain(reader()), body);
    assert.equal(drain(reader(6, 12)), body.slice(6, 12));
  });

  it('cuts at once whoever depends on a disk that is gone, and nobody else', () => {
    const { append, reader, spool } = open();
    const body = 'abcdefghijkl';
    const rows = rowsOf(body);
    spool.back(rows);
    const [slow, fast] = [reader(), reader()];
    append(body.slice(0, 4));
    append(body.slice(4));
    drain(fast);
    rows.committedBytes = 12;
    spool.backingProgress();
    rows.usable = false;
    spool.backingProgress();
    assert.equal(slow.state, 'failed');
    assert.equal(fast.state, 'open');
  });

  it('fails a reader whose chunk cannot be read, and never skips it', () => {
    const { append, reader, spool } = open();
    const rows = { ...rowsOf(''), committedBytes: 12 };
    spool.back(rows);
    append('abcdefgh');
    append('ijkl');
    const one = spool.reader(0, 12);
    assert.ok(one);
    assert.equal(one.take(), undefined);
    assert.equal(one.state, 'failed');
    assert.equal(drain(reader(12)), '');
  });
});

describe('a reader that stalls', () => {
  /** Two readers, the writer paused, the fast one waiting for more. */
  function stalled() {
    const opened = open();
    const [slow, fast] = [opened.reader(), opened.reader()];
    for (const text of ['abcd', 'efgh', 'ijkl']) {
      opened.append(text);
      drain(fast);
    }
    assert.ok(opened.seen.paused);
    return { ...opened, slow, fast };
  }

  it('is cut when it holds up others for the whole limit', async () => {
    const { clock, fast, seen, slow } = stalled();
    await clock.advance(999);
    assert.equal(slow.state, 'open');
    await clock.advance(1);
    assert.equal(slow.state, 'failed');
    assert.deepEqual([seen.cut, seen.paused, fast.state], [1, false, 'open']);
  });

  it('is not while it takes something now and then', async () => {
    const { clock, seen, slow } = stalled();
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(900);
      slow.take();
    }
    assert.equal(seen.cut, 0);
  });

  it('is not while it is alone: it holds up nobody', async () => {
    const { append, clock, reader, seen } = open();
    const one = reader();
    append('abcdefghijkl');
    await clock.advance(60_000);
    assert.deepEqual([one.state, seen.paused], ['open', true]);
  });

  it('is not while all others have as much to take', async () => {
    const { append, clock, reader, seen } = open();
    reader();
    reader();
    append('abcdefghijkl');
    await clock.advance(60_000);
    assert.equal(seen.cut, 0);
  });

  it('is cut for a newcomer that has caught up with the paused writer', async () => {
    const { append, clock, reader, seen } = open();
    const slow = reader();
    append('abcdefghijkl');
    await clock.advance(5000);
    drain(reader());
    await clock.advance(1000);
    assert.deepEqual([slow.state, seen.cut], ['failed', 1]);
  });

  it('is cut as well when the disk that made room for it is gone', async () => {
    const { append, clock, reader, seen, spool } = open();
    const rows = rowsOf('');
    spool.back(rows);
    const [slow, fast] = [reader(), reader()];
    append('abcdefghijkl');
    drain(fast);
    await clock.advance(5000);
    assert.equal(seen.cut, 0);
    rows.usable = false;
    spool.backingProgress();
    await clock.advance(1000);
    assert.deepEqual([slow.state, seen.cut, seen.paused], ['failed', 1, false]);
  });
});
