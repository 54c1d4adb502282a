/** The script that ties BGP announcements to readiness, with stand-ins for curl and birdc. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { newFolder } from '../support/temp-folder.ts';

const run = promisify(execFile);
const script = path.join(import.meta.dirname, '../../../infra/bird/announce.sh');

function setUp() {
  const folder = newFolder();
  const said = path.join(folder, 'said');
  const sick = path.join(folder, 'sick');
  const stub = (name: string, text: string) =>
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  stub('curl', `test ! -e ${sick}`);
  stub('birdc', `echo "$@" >> ${said}`);
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    BREAKWATER_ANNOUNCE_STATE: path.join(folder, 'state'),
  };
  return {
    look: async (times: number) => {
      for (let i = 0; i < times; i += 1) {
        await run('sh', [script, 'http://127.0.0.1:1/readyz'], { env });
      }
      const lines = existsSync(said) ? readFileSync(said, 'utf8').trim().split('\n') : [];
      rmSync(said, { force: true });
      return lines.join(', ');
    },
    fall: () => writeFileSync(sick, ''),
    recover: () => rmSync(sick),
  };
}

test('two good looks announce, three bad ones in a row withdraw, and nothing is said twice', async () => {
  const { look, fall, recover } = setUp();
  assert.equal(await look(1), '');
  assert.equal(await look(1), 'enable edge4, enable edge6');
  assert.equal(await look(3), '');
  fall();
  assert.equal(await look(2), '');
  recover();
  assert.equal(await look(1), '');
  fall();
  assert.equal(await look(2), '');
  assert.equal(await look(1), 'disable edge4, disable edge6');
  assert.equal(await look(2), '');
  recover();
  assert.equal(await look(2), 'enable edge4, enable edge6');
});
