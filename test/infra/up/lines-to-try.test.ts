import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessState } from '../../../infra/up/events.ts';
import {
  demoShowcase,
  linesToTry,
  pagesToBrowse,
  type Showcase,
  type ToolsAtHand,
} from '../../../infra/up/lines-to-try.ts';
import { smallTopology } from '../support/small-network.ts';

const tools: ToolsAtHand = { breakwater: 'npm run -s breakwater --', curl: true, dns: 'dig' };

function node(id: string, role: ProcessState['role'], listen: string): ProcessState {
  return { id, role, place: '', pid: 1, listen, admin: '127.0.0.1:9', state: 'ready', restarts: 0 };
}
const nodes = [node('par', 'edge', '127.0.0.1:4081'), node('ns1', 'dns', '127.0.0.1:4053')];

function commands(
  changes: {
    tools?: Partial<ToolsAtHand>;
    topology?: Record<string, unknown>;
    demo?: Showcase;
  } = {},
): string[] {
  const topology = smallTopology(changes.topology);
  const lines = linesToTry(topology, nodes, { ...tools, ...changes.tools }, changes.demo);
  return lines.map((line) => line.command);
}

test('the lines name the ports that were bound, and a host that our DNS answers for', () => {
  const [curl, dig] = commands();
  assert.equal(curl, "curl -i http://127.0.0.1:4081/ -H 'Host: www.small.test'");
  assert.equal(
    dig,
    'dig @127.0.0.1 -p 4053 +subnet=198.18.3.0/24 +noall +answer www.small.test A _why.www.small.test TXT',
  );
});

test('a program that the machine lacks is in no line', () => {
  const without = commands({ tools: { curl: false, dns: undefined } });
  assert.ok(without.every((command) => command.startsWith('npm run -s breakwater --')));
  assert.ok(commands({ tools: { dns: 'kdig' } })[1]?.startsWith('kdig @127.0.0.1'));
});

test('the demo network shows its tags and the page that changes', () => {
  const lines = commands({ demo: demoShowcase });
  assert.ok(lines.some((line) => line.endsWith('purge --tag news --wait 10s')));
  assert.ok(lines.some((line) => line.endsWith('get http://www.small.test/now --from Tokyo')));
});

test('without DNS, places or tokens their lines are left out', () => {
  const purge = { listen: '127.0.0.1:0', admin: '127.0.0.1:0' };
  const lines = commands({ topology: { dns: [], purge } });
  assert.deepEqual(lines, [
    "curl -i http://127.0.0.1:4081/ -H 'Host: www.small.test'",
    'npm run -s breakwater -- status',
  ]);
});

test('a place with a blank in its name is quoted for the shell', () => {
  const dns = [
    {
      id: 'ns1',
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      zone: 'small.test',
      name: 'ns1.small.test',
      advertise: ['127.0.0.1'],
      geoip: {
        places: [
          { name: "Coeur d'Alene", networks: ['198.18.1.0/24'], latitude: 47, longitude: -116 },
        ],
      },
    },
  ];
  const lines = commands({ topology: { dns } });
  assert.ok(lines.some((line) => line.endsWith(`--from 'Coeur d'\\''Alene'`)));
});

test('a browser gets the PoPs of a site that is called localhost, and of no other', () => {
  const origins = [{ url: 'http://127.0.0.1:9000' }];
  const sites = [{ hosts: ['www.small.test', 'localhost'], origins }];
  assert.deepEqual(pagesToBrowse(smallTopology({ sites }), nodes), [
    { url: 'http://localhost:4081/', place: 'Paris' },
  ]);
  assert.deepEqual(pagesToBrowse(smallTopology(), nodes), []);
});
