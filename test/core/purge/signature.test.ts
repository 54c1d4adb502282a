import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgementText, canonicalJson, evidenceText } from '../../../core/purge/signature.ts';

const said = {
  network: 'net',
  node: 'par',
  position: { identity: 'i', seq: 7, hash: 'h' },
  appliedAtMs: 1000,
};

test('the text of an acknowledgement is as documented', () => {
  assert.equal(acknowledgementText(said), 'breakwater-ack-v1\n["net","par","i",7,"h",1000]');
});

test('acknowledgements that differ in anything have different texts', () => {
  const { position } = said;
  const others = [
    { ...said, network: 'net2' },
    { ...said, node: 'eu' },
    { ...said, node: 'par","i', position: { ...position, identity: '' } },
    { ...said, position: { ...position, identity: 'j' } },
    { ...said, position: { ...position, seq: 8 } },
    { ...said, position: { ...position, hash: 'g' } },
    { ...said, appliedAtMs: 1001 },
  ];
  const texts = new Set([said, ...others].map(acknowledgementText));
  assert.equal(texts.size, others.length + 1);
});

test('equal documents have one text, whatever the order of their keys', () => {
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: 'é' }], a: true, u: undefined }),
    '{"a":true,"b":[1,{"c":"é","d":null}]}',
  );
  assert.equal(evidenceText({ a: 1, b: 2 }), evidenceText({ b: 2, a: 1 }));
  assert.notEqual(evidenceText([1]), evidenceText({ 0: 1 }));
});
