import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chainHash } from '../../../core/purge/command.ts';
import type { EvidenceDocument, EvidenceNode } from '../../../core/purge/evidence.ts';
import { acknowledgementText, evidenceText } from '../../../core/purge/signature.ts';
import { verifyEvidence } from '../../../core/purge/verify-evidence.ts';
import type { SigningKey } from '../../../core/runtime/signing-key.ts';
import { makeKey } from '../../support/signing-key.ts';

const keys = { par: makeKey(), eu: makeKey(), tok: makeKey(), purge: makeKey() };
const previous = { identity: 'journal', seq: 6, hash: 'hash-of-6' };
const unchained = {
  seq: 7,
  id: 'p7',
  atMs: 1000,
  soft: false,
  scope: ['*'],
  selectors: [
    { kind: 'tag' as const, tag: 'news' },
    { kind: 'url' as const, url: 'http://a.test/' },
  ],
};
const entry = { ...unchained, hash: chainHash(previous.hash, unchained) };

function nodeOf(node: 'par' | 'eu' | 'tok', seq: number, hash: string): EvidenceNode {
  const key = keys[node];
  const said = { position: { identity: previous.identity, seq, hash }, appliedAtMs: 1100 };
  const signature = key.sign(acknowledgementText({ network: 'net', node, ...said }));
  return {
    node,
    role: node === 'eu' ? 'shield' : 'edge',
    publicKey: key.publicKey,
    fingerprint: key.fingerprint,
    acknowledgement: { ...said, receivedAtMs: 1101, signature },
    matched: 3,
    quarantined: null,
  };
}

type Unsigned = Omit<EvidenceDocument, 'signature'>;

const unsigned: Unsigned = {
  breakwater: 'evidence',
  version: 1,
  network: 'net',
  entry,
  by: 'all',
  previous,
  status: 'converged',
  convergedAtMs: 1102,
  nodes: [
    nodeOf('par', 7, entry.hash),
    nodeOf('eu', 9, 'hash-of-9'),
    {
      ...{ node: 'tok', role: 'edge', publicKey: null, fingerprint: null, matched: null },
      acknowledgement: null,
      quarantined: { sinceMs: 900, reason: 'unreachable since 14:02' },
    },
  ],
  issuedAtMs: 2000,
  issuer: {
    node: 'purge',
    publicKey: keys.purge.publicKey,
    fingerprint: keys.purge.fingerprint,
  },
};

/** The document signed by purge-api, or by somebody who has its key. */
function issue(document: Unsigned, key: SigningKey = keys.purge): EvidenceDocument {
  return { ...document, signature: key.sign(evidenceText(document)) };
}

const none = new Map<string, string>();
const wrongOf = (value: unknown, expected = none) =>
  verifyEvidence(value, expected)
    .findings.filter(({ result }) => result === 'wrong')
    .map(({ about, text }) => `${about}: ${text}`);

/** Every leaf of a value, as a path. */
function leaves(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
}

/** A copy in which the leaf at `path` is `change`d. */
function changed<T>(value: T, [key, ...rest]: string[], change: (leaf: unknown) => unknown): T {
  if (key === undefined) return change(value) as T;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  copy[key] = changed(copy[key], rest, change);
  return copy as T;
}

function other(leaf: unknown): unknown {
  if (typeof leaf === 'number') return leaf + 1;
  if (typeof leaf === 'boolean') return !leaf;
  if (leaf === null) return 1;
  if (leaf === 'edge') return 'shield';
  if (leaf === 'shield') return 'edge';
  if (leaf === 'converged') return 'pending';
  return `${leaf}x`;
}

describe('evidence that holds', () => {
  test('is valid, with a finding for the entry, purge-api and each node', () => {
    const { valid, findings } = verifyEvidence(issue(unsigned), none);
    assert.equal(valid, true);
    assert.deepEqual(
      findings.map(({ about, result }) => `${about} ${result}`),
      ['entry good', 'purge good', 'par good', 'eu good', 'tok absent'],
    );
  });

  test('is valid after a way through JSON, in any order of its keys', () => {
    const reversed = Object.fromEntries(Object.entries(issue(unsigned)).reverse());
    assert.equal(verifyEvidence(JSON.parse(JSON.stringify(reversed)), none).valid, true);
  });

  test('says for whom the caller has given no fingerprint', () => {
    const expected = new Map([['par', keys.par.fingerprint]]);
    const { valid, unconfirmed } = verifyEvidence(issue(unsigned), expected);
    assert.deepEqual([valid, unconfirmed], [true, ['purge', 'eu']]);
  });
});

describe('a change of', () => {
  const document = issue(unsigned);
  for (const path of leaves(document)) {
    test(`${path.join('.')} is found`, () => {
      assert.notDeepEqual(wrongOf(changed(document, path, other)), []);
    });
  }

  test('the number of nodes, or an additional field anywhere, is found', () => {
    const { nodes } = document;
    assert.notDeepEqual(wrongOf({ ...document, nodes: nodes.slice(1) }), []);
    assert.notDeepEqual(wrongOf({ ...document, nodes: [...nodes, ...nodes] }), []);
    assert.notDeepEqual(wrongOf({ ...document, extra: 1 }), []);
  });
});

describe('what purge-api alone cannot make good, even by its own signature', () => {
  const forged: [string, (document: Unsigned) => Unsigned, RegExp][] = [
    ['another entry', (d) => changed(d, ['entry', 'id'], other), /entry: does not have the hash/],
    ['another predecessor', (d) => changed(d, ['previous', 'hash'], other), /entry: does not/],
    ['another number before it', (d) => changed(d, ['previous', 'seq'], other), /entry: has the/],
    ['another network', (d) => ({ ...d, network: 'x' }), /par: the signature is not its own/],
    [
      'an acknowledgement of another node',
      (d) => changed(d, ['nodes', '0', 'node'], () => 'lon'),
      /lon: the signature is not its own/,
    ],
    [
      'a later position than was signed',
      (d) => changed(d, ['nodes', '1', 'acknowledgement', 'position', 'seq'], () => 10),
      /eu: the signature/,
    ],
    [
      'another time than was signed',
      (d) => changed(d, ['nodes', '0', 'acknowledgement', 'appliedAtMs'], other),
      /par: the signature/,
    ],
    [
      'a key that is not that of the fingerprint',
      (d) => changed(d, ['nodes', '0', 'publicKey'], () => keys.eu.publicKey),
      /par: the fingerprint is not that of the key/,
    ],
    [
      'no signature of a node',
      (d) => changed(d, ['nodes', '0', 'acknowledgement', 'signature'], () => null),
      /par: the signature/,
    ],
    [
      'a node without an acknowledgement that was needed',
      (d) => changed(d, ['nodes', '0', 'acknowledgement'], () => null),
      /par: has not acknowledged/,
    ],
    [
      'an acknowledgement of an earlier entry',
      (d) => changed(d, ['nodes', '0'], () => nodeOf('par', 6, 'hash-of-6')),
      /par: acknowledged only up to 6/,
    ],
    [
      'an acknowledgement of another entry of the same number',
      (d) => changed(d, ['nodes', '0'], () => nodeOf('par', 7, 'other')),
      /par: acknowledged another entry/,
    ],
    [
      'an acknowledgement of another journal',
      (d) => changed(d, ['previous', 'identity'], other),
      /par: acknowledged another journal/,
    ],
    ['nobody', (d) => ({ ...d, nodes: [] }), /document: names no node/],
    [
      'a purge that has not converged',
      (d) => ({ ...d, status: 'pending' as const, convergedAtMs: null }),
      /document: says itself/,
    ],
    [
      'a time that is none',
      (d) => changed(d, ['nodes', '0', 'acknowledgement', 'appliedAtMs'], () => 1e300),
      /par: the signature/,
    ],
  ];
  for (const [name, forge, problem] of forged) {
    test(name, () => assert.match(wrongOf(issue(forge(unsigned))).join('\n'), problem));
  }
});

describe('fingerprints from elsewhere', () => {
  test('find a document whose keys were all made by a forger', () => {
    const forger = makeKey();
    const { publicKey, fingerprint } = forger;
    const forged = issue(
      { ...unsigned, issuer: { node: 'purge', publicKey, fingerprint } },
      forger,
    );
    assert.deepEqual(wrongOf(forged), []);
    const expected = new Map([['purge', keys.purge.fingerprint]]);
    assert.match(wrongOf(forged, expected)[0] ?? '', /purge: the key is SHA256:.*, not SHA256:/);
  });

  test('of a node that is not in the document are a problem', () => {
    const expected = new Map([['lon', keys.par.fingerprint]]);
    assert.deepEqual(wrongOf(issue(unsigned), expected), ['lon: is not in this document']);
  });
});

test('what is no evidence is invalid, whatever it is', () => {
  for (const value of [undefined, null, 1, 'x', [], {}, { ...issue(unsigned), version: 2 }]) {
    const { valid, findings } = verifyEvidence(value, none);
    assert.equal(valid, false);
    assert.match(findings[0]?.text ?? '', /is no evidence of this version/);
  }
});
