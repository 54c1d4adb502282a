import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAppendRequests } from '../../../core/purge/append-requests.ts';
import type { UpMessage } from '../../../core/purge/command.ts';
import { createFakeClock, createSeededRandom } from '../../support/fake-clock.ts';
import { tag } from './builders.ts';

const command = { soft: false, scope: ['*'], selectors: [tag('news')] };

function setUp({ isConnected = true } = {}) {
  const clock = createFakeClock();
  const sent: Extract<UpMessage, { type: 'append' }>[] = [];
  const requests = createAppendRequests({ clock, random: createSeededRandom(1) }, (message) => {
    if (isConnected && message.type === 'append') sent.push(message);
    return isConnected;
  });
  return { clock, sent, requests };
}

describe('purges that begin at a node', () => {
  test('the answer goes to the request that it names', async () => {
    const { sent, requests } = setUp();
    const answers = [requests.append(command, 1000), requests.append(command, 1000)];
    const [one, two] = sent.map(({ request }) => request);
    requests.settle({ type: 'appended', request: two ?? '', ok: true, id: 'p2', seq: 2 });
    requests.settle({ type: 'appended', request: one ?? '', ok: false, problem: 'no' });
    assert.deepEqual(await Promise.all(answers), [
      { ok: false, problem: 'no', isCertain: true },
      { ok: true, id: 'p2', seq: 2 },
    ]);
  });

  test('without a connection the answer is no, at once and for certain', async () => {
    const { requests } = setUp({ isConnected: false });
    const outcome = await requests.append(command, 1000);
    assert.deepEqual(outcome, {
      ok: false,
      problem: 'purge-api is not connected',
      isCertain: true,
    });
  });

  test('no answer in time: no, but the journal may have it all the same', async () => {
    const { clock, requests } = setUp();
    const outcome = requests.append(command, 1000);
    await clock.advance(1000);
    assert.deepEqual(await outcome, {
      ok: false,
      problem: 'purge-api did not answer within 1000 ms',
      isCertain: false,
    });
    assert.equal(clock.pending, 0);
  });

  test('a broken connection answers everybody who waits', async () => {
    const { clock, requests } = setUp();
    const outcomes = [requests.append(command, 1000), requests.append(command, 1000)];
    requests.abandon();
    for (const outcome of await Promise.all(outcomes)) {
      assert.deepEqual([outcome.ok, 'isCertain' in outcome && outcome.isCertain], [false, false]);
    }
    assert.equal(clock.pending, 0);
  });

  test('an answer that nobody waits for is ignored; more than a thousand do not wait', async () => {
    const { requests } = setUp();
    requests.settle({ type: 'appended', request: 'unknown', ok: true, id: 'p', seq: 1 });
    for (let count = 0; count < 1000; count += 1) void requests.append(command, 1000);
    const outcome = await requests.append(command, 1000);
    assert.deepEqual(outcome.ok, false);
  });
});
