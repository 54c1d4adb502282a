/** `breakwater evidence`, `verify` and `forget-key` against a purge-api that has signing nodes. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chainHash } from '../../../core/purge/command.ts';
import type { EvidenceDocument } from '../../../core/purge/evidence.ts';
import { acknowledgementText, evidenceText } from '../../../core/purge/signature.ts';
import { runProgram } from '../../../infra/cli/program.ts';
import { makeKey } from '../../support/signing-key.ts';
import { createContext } from '../support/cli-context.ts';
import { newFolder } from '../support/temp-folder.ts';

const keys = { par: makeKey(), purge: makeKey() };
const previous = { identity: 'journal', seq: 0, hash: '' };
const unchained = {
  ...{ seq: 1, id: 'p1', atMs: 1000, soft: false },
  ...{ scope: ['*'], selectors: [{ kind: 'tag' as const, tag: 'news' }] },
};
const entry = { ...unchained, hash: chainHash('', unchained) };

function document(): EvidenceDocument {
  const said = { position: { ...previous, seq: 1, hash: entry.hash }, appliedAtMs: 1100 };
  const text = acknowledgementText({ network: 'net', node: 'par', ...said });
  const { publicKey, fingerprint } = keys.par;
  const unsigned = {
    ...{ breakwater: 'evidence' as const, version: 1 as const, network: 'net' },
    ...{ entry, by: 'all', previous, status: 'converged' as const, convergedAtMs: 1102 },
    nodes: [
      {
        ...{ node: 'par', role: 'edge' as const, publicKey, fingerprint },
        acknowledgement: { ...said, receivedAtMs: 1101, signature: keys.par.sign(text) },
        matched: 1,
        quarantined: null,
      },
    ],
    issuedAtMs: 2000,
    issuer: {
      node: 'purge',
      publicKey: keys.purge.publicKey,
      fingerprint: keys.purge.fingerprint,
    },
  };
  return { ...unsigned, signature: keys.purge.sign(evidenceText(unsigned)) };
}

const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  const answers: Record<string, [number, object]> = {
    '/v1/purges/p1/evidence': [200, document()],
    '/v1/nodes/par/key': [200, { node: 'par', forgotten: keys.par.fingerprint }],
  };
  const [status, body] = answers[request.url ?? ''] ?? [
    404,
    { title: 'There is no such resource' },
  ];
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());

async function breakwater(args: string[], cwd = newFolder()) {
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const environment = { BREAKWATER_API: api, BREAKWATER_TOKEN: 'secret' };
  const context = createContext({ cwd, environment });
  const code = await runProgram(context, args);
  return {
    code,
    out: context.terminal.out.join('\n'),
    err: context.terminal.problems.join('\n'),
    cwd,
  };
}

/** A folder with the evidence in a file, changed by `change`. */
function folderWith(change: (document: EvidenceDocument) => unknown = (same) => same): string {
  const cwd = newFolder();
  writeFileSync(path.join(cwd, 'proof.json'), JSON.stringify(change(document())));
  return cwd;
}

const both = [
  ...['--fingerprint', `par=${keys.par.fingerprint}`],
  ...['--fingerprint', `purge=${keys.purge.fingerprint}`],
];

describe('breakwater evidence', () => {
  test('prints the document, or writes it to the file of -o, which verify takes', async () => {
    const printed = await breakwater(['evidence', 'p1']);
    assert.deepEqual(JSON.parse(printed.out), document());
    const { cwd, code } = await breakwater(['evidence', 'p1', '-o', 'proof.json']);
    assert.equal(code, 0);
    assert.equal((await breakwater(['verify', 'proof.json', ...both], cwd)).code, 0);
  });

  test('of a purge that is not there is refused, and no file is made', async () => {
    const { code, err, cwd } = await breakwater(['evidence', 'p2', '-o', 'proof.json']);
    assert.deepEqual([code, err], [1, 'There is no such resource']);
    assert.equal(existsSync(path.join(cwd, 'proof.json')), false);
  });
});

describe('breakwater verify', () => {
  test('asks nobody; a mark for each node, what it proves, and exit code 0', async () => {
    seen.length = 0;
    const { code, out } = await breakwater(['verify', 'proof.json', ...both], folderWith());
    assert.deepEqual([code, seen.length], [0, 0]);
    assert.match(out, /✓ par +signed that it had applied everything up to 1/);
    assert.match(out, /✓ purge +signed this document/);
    assert.match(out, /does not prove that they told the truth/);
    assert.doesNotMatch(out, /Warning/);
  });

  test('warns of keys that no fingerprint was given for', async () => {
    const { code, out } = await breakwater(
      ['verify', 'proof.json', ...both.slice(2)],
      folderWith(),
    );
    assert.equal(code, 0);
    assert.match(out, /Warning: .* not checked for par/);
  });

  test('a changed file or another key is exit code 1, with the mark at the culprit', async () => {
    const changed = folderWith((kept) => ({ ...kept, by: 'mallory' }));
    const first = await breakwater(['verify', 'proof.json'], changed);
    assert.equal(first.code, 1);
    assert.match(first.out, /✗ purge +has not signed this document as it is/);
    const other = ['--fingerprint', `par=${makeKey().fingerprint}`];
    const second = await breakwater(['verify', 'proof.json', ...other], folderWith());
    assert.equal(second.code, 1);
    assert.match(second.out, /✗ par +the key is SHA256:/);
    assert.match(second.out, /no valid evidence/);
  });

  test('what is no evidence at all is invalid, not wrong usage', async () => {
    const { code, out } = await breakwater(
      ['verify', 'proof.json'],
      folderWith(() => [1]),
    );
    assert.equal(code, 1);
    assert.match(out, /✗ document +is no evidence/);
  });

  test('fingerprints may stand in a file, as status --keys prints them', async () => {
    const cwd = folderWith();
    const lines = `# 26 November\npar=${keys.par.fingerprint}\n\npurge=${keys.purge.fingerprint}\n`;
    writeFileSync(path.join(cwd, 'keys.txt'), lines);
    const { code, out } = await breakwater(
      ['verify', 'proof.json', '--fingerprints', 'keys.txt', '--json'],
      cwd,
    );
    const { valid, unconfirmed } = JSON.parse(out);
    assert.deepEqual([code, valid, unconfirmed], [0, true, []]);
  });

  test('a fingerprint that is none, and two for one node, are wrong usage', async () => {
    const twice = ['--fingerprint', `par=${makeKey().fingerprint}`, ...both];
    for (const args of [['--fingerprint', 'par=MD5:x'], ['--fingerprint', 'par'], twice]) {
      const { code, out } = await breakwater(['verify', 'proof.json', ...args], folderWith());
      assert.deepEqual([code, out], [2, ''], args.join(' '));
    }
  });
});

test('breakwater forget-key says which key is forgotten', async () => {
  seen.length = 0;
  const { code, out } = await breakwater(['forget-key', 'par']);
  assert.deepEqual([code, seen], [0, ['DELETE /v1/nodes/par/key']]);
  assert.ok(out.includes(keys.par.fingerprint));
  const unknown = await breakwater(['forget-key', 'tok']);
  assert.equal(unknown.code, 1);
});
