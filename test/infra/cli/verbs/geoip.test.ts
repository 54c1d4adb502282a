import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../../../../infra/cli/program.ts';
import { writeMmdb } from '../../../support/mmdb-writer.ts';
import { createContext } from '../../support/cli-context.ts';
import { cliFile, startProcess } from '../../support/run-process.ts';
import { smallNetwork, smallNetworkFolder } from '../../support/small-network.ts';
import { newFolder } from '../../support/temp-folder.ts';

const database = writeMmdb({ '8.8.8.0/24': { latitude: 1, longitude: 2 } });

async function run(...args: string[]) {
  const context = createContext({ cwd: newFolder() });
  const code = await runProgram(context, ['geoip', 'update', ...args]);
  const { out, problems } = context.terminal;
  return { code, out: out.join('\n'), problems: problems.join('\n'), cwd: context.cwd };
}

test('geoip update puts the database where the configuration has it, and says what it is', async (t) => {
  const server = createServer((_, response) => response.end(database));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/city.mmdb`;
  const dns = smallNetwork().dns.map((node) => ({ ...node, geoip: { database: 'city.mmdb' } }));
  const { folder, file } = smallNetworkFolder({ dns });
  const { code, out } = await run('--from', url, '-c', file);
  assert.equal(code, 0);
  assert.match(out, /city\.mmdb: Synthetic-City of 2026-01-01, [\d.]+ KiB/);
  assert.match(out, /breakwater reload/);
  assert.deepEqual(readFileSync(path.join(folder, 'city.mmdb')), database);
  const again = await run('--from', url, '-c', file, '--json');
  assert.equal(JSON.parse(again.out).isSame, true);
  const beside = await run('--from', url, '--to', 'there.mmdb');
  assert.deepEqual(readFileSync(path.join(beside.cwd, 'there.mmdb')), database);
});

test('geoip update says what is missing', async () => {
  const { file } = smallNetworkFolder();
  const none = await run('-c', file);
  assert.deepEqual([none.code, /names no GeoIP database/.test(none.problems)], [2, true]);
  const alone = await run('--to', 'x.mmdb', '--from', 'maxmind', '--account', '1');
  assert.match(alone.problems, /--account and --key go together/);
  const unset = await run(
    '--to',
    'x.mmdb',
    '--from',
    'maxmind',
    '--account',
    '1',
    '--key',
    'env:NO',
  );
  assert.deepEqual([unset.code, /NO is not set/.test(unset.problems)], [2, true]);
  const wrong = await run('--to', 'x.mmdb', '--from', 'elsewhere');
  assert.deepEqual(
    [wrong.code, /is as it was: "elsewhere" is neither/.test(wrong.problems)],
    [1, true],
  );
});

test('over HTTPS a server is believed that has a certificate of an authority that the machine knows, and no other', async (t) => {
  const certificate = path.join(import.meta.dirname, '../../../fixtures/localhost.pem');
  const pem = readFileSync(certificate);
  const server = createTlsServer({ cert: pem, key: pem }, (_, response) => response.end(database));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `https://localhost:${(server.address() as AddressInfo).port}/city.mmdb`;
  const update = (environment: Record<string, string>) => {
    const args = ['geoip', 'update', '--from', url, '--to', path.join(newFolder(), 'city.mmdb')];
    return startProcess(cliFile, args, { environment }).finished;
  };
  const refused = await update({});
  assert.deepEqual(
    [refused.code, /is as it was: https:.*certificate/.test(refused.stderr)],
    [1, true],
  );
  const taken = await update({ NODE_EXTRA_CA_CERTS: certificate });
  assert.equal(taken.code, 0, taken.stderr);
});
