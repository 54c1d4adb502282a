import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import {
  domainName,
  duration,
  interval,
  ipAddress,
  listenAddress,
  network,
  nodeId,
  reachAddress,
  secretText,
  size,
} from '../../../core/topology/units.ts';

const units = {
  domainName,
  duration,
  interval,
  ipAddress,
  listenAddress,
  network,
  nodeId,
  reachAddress,
  secretText,
  size,
};
type Unit = keyof typeof units;

/** The value, or the messages. */
function parse(schema: z.ZodType, text: unknown): unknown {
  const result = schema.safeParse(text);
  return result.success ? result.data : result.error.issues.map((issue) => issue.message);
}

const accepted: [Unit, unknown, unknown][] = [
  ['duration', '250ms', 250],
  ['duration', '0s', 0],
  ['duration', '1.5h', 5_400_000],
  ['duration', '30d', 2_592_000_000],
  ['interval', '1ms', 1],
  ['size', '512B', 512],
  ['size', '64KiB', 65_536],
  ['size', '0B', 0],
  ['size', '1TiB', 2 ** 40],
  ['listenAddress', '0.0.0.0:0', '0.0.0.0:0'],
  ['listenAddress', '[::]:80', '[::]:80'],
  ['reachAddress', 'edge.example.org:443', 'edge.example.org:443'],
  ['ipAddress', '2001:db8::1', '2001:db8::1'],
  ['network', '198.18.0.0/15', '198.18.0.0/15'],
  ['nodeId', 'par-2', 'par-2'],
  ['nodeId', `a${'b'.repeat(31)}`, `a${'b'.repeat(31)}`],
  ['domainName', 'WWW.Example.ORG.', 'www.example.org'],
  ['domainName', '_acme.a-b.test', '_acme.a-b.test'],
  ['secretText', 'env:A', 'env:A'],
];

for (const [name, text, value] of accepted) {
  test(`${name} takes ${text}`, () => {
    assert.deepEqual(parse(units[name], text), value);
  });
}

const refused: [Unit, unknown][] = [
  ['duration', '10'],
  ['duration', '10 s'],
  ['duration', '-1s'],
  ['duration', '1m30s'],
  ['duration', '1S'],
  ['duration', 10],
  ['interval', '0s'],
  ['interval', 'x'],
  ['size', '64KB'],
  ['size', '64'],
  ['size', '1e3B'],
  ['size', 64],
  ['listenAddress', 'localhost:80'],
  ['listenAddress', '127.0.0.1'],
  ['listenAddress', ':80'],
  ['reachAddress', '0.0.0.0:80'],
  ['reachAddress', '[::0]:80'],
  ['reachAddress', '198.51.100.7:0'],
  ['ipAddress', 'localhost'],
  ['network', '198.18.0.1/15'],
  ['nodeId', 'Par'],
  ['nodeId', '2par'],
  ['nodeId', ''],
  ['nodeId', 'a'.repeat(33)],
  ['domainName', 'a..b'],
  ['domainName', '-a.test'],
  ['domainName', 'a b'],
  ['domainName', `${'a'.repeat(64)}.test`],
  ['domainName', 'a.'.repeat(127)],
  ['domainName', 5],
  ['secretText', ''],
];

for (const [name, text] of refused) {
  test(`${name} refuses ${JSON.stringify(text)} with one reason`, () => {
    const messages = parse(units[name], text);
    assert.ok(Array.isArray(messages), `it gave ${JSON.stringify(messages)}`);
    assert.equal(messages.length, 1, messages.join('\n'));
  });
}
