/** Rules of core/cache/refresh-gate.ts (RFC 5861 §3: one refresh at a time). */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createRefreshGate } from '../../../core/cache/refresh-gate.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { responseWith } from '../../support/responses.ts';

function open() {
  const clock = createFakeClock();
  return { clock, gate: createRefreshGate({ clock }) };
}

it('lets one through, also when the entry is another object of the same response', () => {
  const { gate } = open();
  assert.equal(gate.claim(responseWith()), true);
  assert.equal(gate.claim(responseWith()), false);
});

it('tells variants and URLs apart', () => {
  const { gate } = open();
  gate.claim(responseWith());
  assert.equal(gate.claim(responseWith({ variant: 'accept-language:de\n' })), true);
  assert.equal(gate.claim(responseWith({ key: 'http://www.demo.test/other' })), true);
});

it('stays shut for a second after the refresh', async () => {
  const { clock, gate } = open();
  gate.claim(responseWith());
  gate.release(responseWith());
  await clock.advance(999);
  assert.equal(gate.claim(responseWith()), false);
  await clock.advance(1);
  assert.equal(gate.claim(responseWith()), true);
});

it('opens again when a refresh never comes back', async () => {
  const { clock, gate } = open();
  gate.claim(responseWith());
  await clock.advance(29_999);
  assert.equal(gate.claim(responseWith()), false);
  await clock.advance(1);
  assert.equal(gate.claim(responseWith()), true);
});
