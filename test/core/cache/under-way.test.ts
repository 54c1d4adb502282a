/** Rules of core/cache/under-way.ts: what may no longer be stored once something was invalidated (RFC 9111 §4.4, RFC 9875 §3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUnderWay, maxOrders } from '../../../core/cache/under-way.ts';

function start() {
  const list = createUnderWay();
  const forbidden: string[] = [];
  const begin = (name: string, host = 'a.test') =>
    list.begin({
      key: `http://${host}/${name}`,
      host,
      forbid: (isMeant) => void forbidden.push(isMeant ? `${name}, if it is meant` : name),
    });
  return { ...list, forbidden, begin };
}

const news = { host: 'a.test', groups: ['news', 'sport'] };

test('what is fetched for a key is forbidden by that key, whatever is known of it', () => {
  const { begin, forbid, forbidden } = start();
  begin('one');
  begin('one').tell(['x']);
  begin('two');
  forbid(['http://a.test/one']);
  assert.deepEqual(forbidden, ['one', 'one']);
});

test('a group forbids what is in it, and on its host what turns out to be in it', () => {
  const { begin, forbid, forbidden } = start();
  begin('member').tell(['x', 'sport']);
  begin('other').tell(['x']);
  begin('unknown');
  begin('elsewhere', 'b.test').tell(['news']);
  begin('unknown elsewhere', 'b.test');
  forbid([], { groups: news });
  assert.deepEqual(forbidden, ['member', 'unknown, if it is meant']);
});

test('what waits for its head for long is forbidden when too many groups have come meanwhile', () => {
  const { begin, forbid, forbidden } = start();
  begin('slow');
  for (let n = 0; n < maxOrders; n += 1) forbid([], { groups: news });
  assert.deepEqual(new Set(forbidden), new Set(['slow, if it is meant']));
  forbid([], { groups: news });
  assert.equal(forbidden.at(-1), 'slow');
});

test('what is over is not forbidden any more', () => {
  const { begin, forbid, forbidden } = start();
  begin('one').over();
  forbid(['http://a.test/one'], { groups: news });
  assert.deepEqual(forbidden, []);
});

test('the fetch that has made the change itself is spared', () => {
  const { begin, forbid, forbidden } = start();
  const spare = begin('one');
  begin('one');
  forbid(['http://a.test/one'], { groups: news, spare });
  assert.deepEqual(forbidden, ['one']);
});
