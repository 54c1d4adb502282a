import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { syncWarning } from '../../../purge-api/nats/durability.ts';
import {
  entryOfMessage,
  entryText,
  identityOfMessage,
  identityText,
  recordAfter,
  seqOfId,
  subjectsOf,
} from '../../../purge-api/nats/record.ts';
import { compareTips, type Tip } from '../../../purge-api/nats/tip.ts';
import { purge } from '../../contract/journal.contract.ts';

const message = (text: string) => ({ streamSeq: 7, subject: 's', text });
const start = { seq: 0, hash: '' };
const given = { random: 'ab', atMs: 5, fingerprint: 'f' };

describe('what lies in the stream', () => {
  test('an entry is read as it was written, and its id tells its number', () => {
    const first = recordAfter(start, purge('x', true), given);
    const second = recordAfter(first.entry, purge('y'), { ...given, fingerprint: undefined });
    assert.deepEqual(entryOfMessage(message(entryText(first))), first);
    assert.deepEqual(entryOfMessage(message(entryText(second))), second);
    assert.deepEqual([second.previous, seqOfId(second.entry.id)], [first.entry.hash, 2]);
  });

  test('ids of other journals have no number', () => {
    for (const id of ['', 'ab', 'ab-', 'ab-0', 'ab-1x', '-1', 'ab-1-2', `ab-${'9'.repeat(16)}`]) {
      assert.equal(seqOfId(id), undefined, id);
    }
  });

  test('an entry of which any part was changed is damage', () => {
    const text = entryText(recordAfter(start, purge('x'), given));
    const changed = [
      text.replace('"tag":"x"', '"tag":"y"'),
      text.replace('"soft":false', '"soft":true'),
      text.replace('"previous":""', '"previous":"00"'),
      text.replace('"atMs":5', '"atMs":6'),
      text.replace('"v":1', '"v":2'),
      text.slice(0, -1),
      '{}',
      '',
    ];
    for (const each of changed) {
      assert.throws(() => entryOfMessage(message(each)), { name: 'StreamDamage' }, each);
    }
  });

  test('an identity is read as it was written; anything else is damage', () => {
    const record = { identity: 'i', reason: 'r', since: 3 };
    assert.deepEqual(identityOfMessage(message(identityText(record))), record);
    assert.throws(() => identityOfMessage(message('{"v":1}')), /identity in 7 cannot be read/);
  });

  test('an idempotency key of any characters makes one token of a subject', () => {
    const { entryOf } = subjectsOf('s');
    const subject = entryOf({ key: 'deploy a.b > * ü', fingerprint: 'f' });
    assert.match(subject, /^s\.entries\.key-[0-9a-f]{40}$/);
    assert.equal(entryOf(undefined), 's.entries.plain');
  });
});

describe('a stream that is read again', () => {
  const known: Tip = {
    ...{ identity: 'i', since: 1, identityStreamSeq: 1, floor: start },
    ...{ head: { seq: 3, hash: 'c' }, headStreamSeq: 4, lastStreamSeq: 4 },
  };
  const grown = { ...known, head: { seq: 4, hash: 'd' } };

  test('is the same, has grown, is another, or has lost entries', () => {
    assert.equal(compareTips(known, known, 'c').kind, 'same');
    assert.equal(compareTips(known, grown, 'c').kind, 'grown');
    assert.equal(compareTips(known, { ...known, identity: 'j' }, undefined).kind, 'replaced');
    assert.equal(compareTips(grown, known, undefined).kind, 'lost');
    // As many entries and more, but not ours.
    assert.equal(compareTips(known, grown, 'x').kind, 'lost');
  });
});

describe('the warning that the server syncs lazily', () => {
  test('none where it is known to sync at each write', () => {
    assert.equal(syncWarning('2.11.4', 'http://x', true), undefined);
  });

  test('says what to set where it does not, and what to do where nobody knows', () => {
    assert.match(
      syncWarning('2.10.0', 'http://x', false) ?? '',
      /does not sync.*sync_interval: always/,
    );
    assert.match(syncWarning('2.10.0', undefined, undefined) ?? '', /not known.*"monitor"/);
    assert.match(syncWarning('2.12.1', 'http://x', undefined) ?? '', /http:\/\/x does not say/);
  });

  test('2.9 has no such setting: it says to use a newer one', () => {
    assert.match(
      syncWarning('2.9.10', undefined, undefined) ?? '',
      /every two minutes.*2\.10 or newer/,
    );
    assert.match(syncWarning('2.9.10', 'http://x', false) ?? '', /2\.10 or newer/);
  });
});
