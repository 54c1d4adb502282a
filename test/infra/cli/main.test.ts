import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../support/run-process.ts';
import { smallNetworkFolder } from '../support/small-network.ts';
import { newFolder } from '../support/temp-folder.ts';

test('--help is enough to work with: every verb, the lookup order, the exit codes', async () => {
  const { code, stdout, stderr } = await breakwater(['--help']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const verb of [
    'up',
    'check',
    'get',
    'explain',
    'purge',
    'status',
    'evidence',
    'verify',
    'forget-key',
    'reload',
    'dnssec',
    'edge',
    'shield',
    'dns',
    'purge-api',
  ]) {
    assert.match(stdout, new RegExp(`^  ${verb} `, 'm'));
  }
  assert.match(stdout, /BREAKWATER_CONFIG/);
  assert.match(stdout, /Exit codes: 0 done, 1 refused/);
});

for (const args of [
  [],
  ['bogus'],
  ['purge'],
  ['get', 'http://x/'],
  ['purge', '--all', '--wait', 'soon'],
  ['verify'],
  ['verify', 'no-such-file'],
]) {
  test(`wrong usage is exit code 2, with nothing on standard output: breakwater ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await breakwater(args, { cwd: newFolder() });
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.notEqual(stderr, '');
  });
}

test('check of a good file says what the network is: sites, PoPs with their shields, zones, names of tokens', async () => {
  const { file } = smallNetworkFolder();
  const { code, stdout } = await breakwater(['check', '-c', file]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /the network "small", with 1 site, 1 PoP, 2 shields, 1 DNS server and a purge API/,
  );
  assert.match(stdout, /www\.small\.test +http:\/\/127\.0\.0\.1:9000/);
  assert.match(stdout, /par +Paris, FR .*eu, then us/);
  assert.match(stdout, /small\.test \(30s\)/);
  assert.match(stdout, /token "limited" for www\.small\.test/);
  assert.doesNotMatch(stdout, /limited-secret|all-secret/);
});

test('check of a bad file lists every problem with path and line, exit code 1', async () => {
  const folder = newFolder();
  const lines = [
    'network: Bad',
    'sites:',
    '  - hosts: []',
    '    origins: [{ url: ftp://x }]',
    'pops: []',
    'wrong: 1',
  ];
  writeFileSync(path.join(folder, 'bad.yaml'), lines.join('\n'));
  const { code, stdout, stderr } = await breakwater(['check', '-c', 'bad.yaml'], { cwd: folder });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  for (const problem of [
    'network (line 1): expected an id',
    'sites[0].hosts (line 3): name at least one host',
    'sites[0].origins[0].url (line 4): expected http://',
    'pops (line 5): name at least one PoP',
    'wrong (line 6): unknown key',
    'purge (line 1): is missing',
  ]) {
    assert.ok(stderr.includes(problem), `${problem} is not in ${stderr}`);
  }
});

test('check --json is the same for programs', async () => {
  const { file, folder } = smallNetworkFolder();
  const good = await breakwater(['check', '--json'], { cwd: folder });
  writeFileSync(file, 'network: x\n');
  const bad = await breakwater(['check', '--json'], { cwd: folder });
  const parsed = JSON.parse(bad.stdout);
  assert.equal(JSON.parse(good.stdout).pops[0].id, 'par');
  assert.equal(bad.code, 1);
  assert.equal(parsed.ok, false);
  assert.ok(parsed.problems.some((problem: { path: string }) => problem.path === 'sites'));
});

test('a missing file is one line; no file at all says where it was looked for', async () => {
  const missing = await breakwater(['check', '-c', 'nowhere.yaml'], { cwd: newFolder() });
  const none = await breakwater(['status'], { cwd: newFolder() });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nowhere\.yaml: cannot be read: no such file\n$/);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /give -c FILE, set BREAKWATER_CONFIG/);
});

test('where no network runs, every command says so and how to start one', async () => {
  const free = {
    listen: '127.0.0.1:9',
    admin: '127.0.0.1:0',
    tokens: [{ name: 'a', secret: 'a', hosts: ['*'] }],
  };
  const { folder: cwd } = smallNetworkFolder({ purge: free });
  for (const args of [['status'], ['reload'], ['purge', '--all']]) {
    const { code, stderr } = await breakwater(args, { cwd });
    assert.equal(code, 1);
    assert.equal(stderr, 'no network is running at http://127.0.0.1:9: start it with npm start\n');
  }
});

test('a node that the file does not have is refused with those that it has', async () => {
  const { file } = smallNetworkFolder({ secret: 'a-secret-for-the-test' });
  const { code, stderr } = await breakwater(['edge', '-c', file, '--id', 'nyc']);
  assert.equal(code, 1);
  assert.match(stderr, /has no node "nyc" \(it has: purge, eu, us, par, ns1\)/);
});
