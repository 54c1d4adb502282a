import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../support/run-process.ts';
import { smallNetwork } from '../support/small-network.ts';
import { newFolder } from '../support/temp-folder.ts';

/** A folder with a network whose zone small.test comes from a file beside the configuration. */
function setUp(zoneFile: string): string {
  const folder = newFolder();
  const network = smallNetwork();
  const dns = network.dns.map(({ zone: name, ...node }) => {
    return { ...node, zones: [{ name, file: 'small.zone' }] };
  });
  writeFileSync(path.join(folder, 'breakwater.yaml'), JSON.stringify({ ...network, dns }));
  writeFileSync(path.join(folder, 'small.zone'), zoneFile);
  return folder;
}

test('check reads zone files, and tells what is wrong with them as file and line', async () => {
  const good = await breakwater(['check'], { cwd: setUp('mail A 192.0.2.25\n@ MX 10 mail\n') });
  assert.equal(good.code, 0, good.stderr);
  const cwd = setUp('mail A 192.0.2.25\nmail CNAME www\nbad MX\n');
  const { code, stderr } = await breakwater(['check'], { cwd });
  assert.equal(code, 1);
  assert.match(stderr, /small\.zone \(line 2\): "mail\.small\.test" has other records/);
  assert.match(stderr, /small\.zone \(line 3\): MX: the preference is missing/);
  const json = await breakwater(['check', '--json'], { cwd });
  const { problems } = JSON.parse(json.stdout) as { problems: { line: number }[] };
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 3],
  );
});
