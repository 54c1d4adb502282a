import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import type { PlannedListener } from '../../../infra/up/plan.ts';
import { describeTaken, findPortProblem } from '../../../infra/up/ports.ts';

function listener(address: string, changes: Partial<PlannedListener> = {}): PlannedListener {
  return { owner: 'par.listen', address, transport: 'tcp', ...changes };
}

test('free ports and port 0 are no problem', async () => {
  assert.equal(await findPortProblem([listener('127.0.0.1:0')], 'x.yaml'), undefined);
});

test('a UDP port in use is found, though the TCP port of that number is free', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${socket.address().port}`;
  const tcp = await findPortProblem([listener(address)], 'x.yaml');
  const udp = await findPortProblem([listener(address, { transport: 'udp' })], 'x.yaml');
  socket.close();
  assert.equal(tcp, undefined);
  assert.match(udp ?? '', /is in use by another process/);
});

test('an address that the machine does not have is told apart from one in use', async () => {
  const problem = await findPortProblem([listener('192.0.2.1:8080')], 'x.yaml');
  assert.match(
    problem ?? '',
    /192\.0\.2\.1:8080: this machine has no such address.*par\.listen in x\.yaml/,
  );
});

test('however many are taken, it is one line; with many it asks whether the network runs already', () => {
  const many = [1, 2, 3, 4, 5].map((port) => listener(`127.0.0.1:${port}`));
  const line = describeTaken(many, 'x.yaml');
  assert.equal(
    line,
    '127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3 and 2 more are in use by another process: stop that one, or change the addresses in x.yaml. Is this network running already?',
  );
});
