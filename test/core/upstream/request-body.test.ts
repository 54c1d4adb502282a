import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { relayBody } from '../../../core/upstream/request-body.ts';
import { until } from './support.ts';

test('reads nothing before it is asked, and leaves an unread source untouched', async () => {
  const source = new PassThrough();
  source.write('body');
  const relayed = relayBody(source);
  relayed.release();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(relayed.wasRead, false);
  assert.equal(source.readableFlowing, null);
  assert.equal(source.readableLength, 4);
});

test('gives the whole body, and knows that it was read', async () => {
  const relayed = relayBody(Readable.from([Buffer.from('the '), Buffer.from('body')]));
  const text = Buffer.concat(await relayed.stream.toArray()).toString();
  assert.deepEqual([text, relayed.wasRead], ['the body', true]);
});

test('holds back the source while nobody takes the bytes', async () => {
  let produced = 0;
  const source = new Readable({
    read() {
      produced += 1;
      this.push(Buffer.alloc(16_384));
    },
  });
  const relayed = relayBody(source);
  relayed.stream.read(0);
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(produced < 20, `${produced} pieces of 16 KiB`);
  relayed.stream.destroy();
  source.destroy();
});

for (const [what, breakOff] of [
  ['an error', (source: PassThrough) => source.destroy(new Error('reset'))],
  ['a close without an end', (source: PassThrough) => source.destroy()],
] as const) {
  test(`${what} of the source is an error here, never an end`, async () => {
    const source = new PassThrough();
    const relayed = relayBody(source);
    let error: Error | undefined;
    relayed.stream.on('error', (given) => {
      error = given;
    });
    relayed.stream.read(0);
    source.write('half');
    breakOff(source);
    await until(() => error !== undefined);
    assert.equal(error?.name, 'UploadError');
    assert.equal(relayed.stream.readableEnded, false);
  });
}

test('a source that had broken off before it was read is an error too', async () => {
  const source = new PassThrough();
  source.destroy();
  const relayed = relayBody(source);
  let error: Error | undefined;
  relayed.stream.on('error', (given) => {
    error = given;
  });
  relayed.stream.read(0);
  await until(() => error !== undefined);
  assert.equal(error?.name, 'UploadError');
});

test('a connection that needs no more leaves the source alive, and its rest is discarded', async () => {
  const source = new PassThrough();
  const relayed = relayBody(source);
  relayed.stream.read(0);
  source.write(Buffer.alloc(100_000));
  await until(() => source.isPaused());
  relayed.stream.destroy();
  await until(() => relayed.stream.closed);
  assert.equal(source.destroyed, false);
  source.end('rest');
  await until(() => source.readableEnded);
});

test('says whose turn it is: the source’s, or the connection’s', async () => {
  const source = new PassThrough();
  const relayed = relayBody(source);
  relayed.stream.read(0);
  assert.equal(relayed.isStarved, true);
  source.write(Buffer.alloc(100_000));
  await until(() => relayed.stream.readableLength > 0);
  assert.equal(relayed.isStarved, false);
  relayed.stream.destroy();
});
