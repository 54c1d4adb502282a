import assert from 'node:assert/strict';
import { test } from 'node:test';
import { journalSchema, natsSettings } from '../../../core/topology/journal-schema.ts';
import { parseTopology, TopologyError } from '../../../core/topology/load.ts';

const problems = (value: unknown) => {
  const parsed = journalSchema.safeParse(value);
  return parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
};
const nats = { kind: 'nats', servers: ['nats-1:4222'] };

test('SQLite is what there is without a word, and takes no key of NATS', () => {
  assert.deepEqual(journalSchema.parse(undefined), {
    kind: 'sqlite',
    retentionMs: 30 * 86_400_000,
  });
  assert.deepEqual(problems({ servers: ['x:1'], replicas: 3 }), [
    'servers: "servers" goes with "kind: nats"',
    'replicas: "replicas" goes with "kind: nats"',
  ]);
});

test('NATS needs servers; the stream is named after the network', () => {
  assert.deepEqual(problems({ kind: 'nats' }), ['servers: "kind: nats" needs "servers"']);
  assert.equal(natsSettings(journalSchema.parse(nats), 'demo').stream, 'breakwater-demo');
  assert.equal(natsSettings(journalSchema.parse({ ...nats, stream: 'p' }), 'demo').stream, 'p');
});

test('servers are addresses, without secrets in them', () => {
  const servers = ['a:4222', 'nats://a.b:4222', 'tls://[::1]:4222', '10.0.0.1'];
  assert.deepEqual(problems({ ...nats, servers }), []);
  for (const server of ['nats://u:p@a:4222', 'http://a', 'a b', '']) {
    assert.equal(problems({ ...nats, servers: [server] }).length, 1, server);
  }
});

test('what does not go together is refused', () => {
  assert.match(problems({ ...nats, user: 'u', token: 't' }).join(), /one of "user", "token"/);
  assert.match(problems({ ...nats, user: 'u' }).join(), /"user" and "password" go together/);
  assert.match(
    problems({ ...nats, tls: { key: 'k' } }).join(),
    /"certificate" and "key" go together/,
  );
  assert.match(problems({ ...nats, stream: 'a.b' }).join(), /letters, digits/);
  assert.match(problems({ ...nats, monitor: 'nats://x' }).join(), /http:\/\/HOST:PORT/);
  assert.equal(problems({ ...nats, replicas: 6 }).length, 1);
});

const file = (journal: string) => `
network: test
sites: [{ hosts: [a.test], origins: [{ url: "http://127.0.0.1:9" }] }]
pops:
  - id: par
    location: { latitude: 48.86, longitude: 2.35 }
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    advertise: [127.0.0.1]
purge:
  listen: 127.0.0.1:1
  admin: 127.0.0.1:0
  journal: ${journal}
`;

test('its secrets are resolved as others are', () => {
  const text = file(
    '{ kind: nats, servers: [n:1], user: u, password: "env:P", tls: { ca: "env:CA" } }',
  );
  const { journal } = parseTopology(text, '/nowhere/x.yaml', { P: 'pass', CA: 'pem' }).purge;
  assert.deepEqual([journal.password, journal.tls?.ca, journal.user], ['pass', 'pem', 'u']);
  assert.throws(
    () => parseTopology(text, '/nowhere/x.yaml', {}),
    (error) =>
      error instanceof TopologyError &&
      /purge\.journal\.password .*P is not set/.test(error.message) &&
      /purge\.journal\.tls\.ca .*CA is not set/.test(error.message),
  );
});
