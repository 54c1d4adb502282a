import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessState } from '../../../infra/up/events.ts';
import { createJsonReport, createWordReport } from '../../../infra/up/report.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createCapturedTerminal } from '../support/captured-terminal.ts';

const par: ProcessState = {
  id: 'par',
  role: 'edge',
  place: 'Paris',
  pid: 12,
  listen: '127.0.0.1:8081',
  admin: '127.0.0.1:8091',
  state: 'ready',
  restarts: 0,
};

test('a person gets a table of nodes and the lines to try', () => {
  const terminal = createCapturedTerminal();
  const report = createWordReport(terminal, createFakeClock());
  const line = { shows: 'A page', command: 'curl -i http://127.0.0.1:8081/' };
  report({ event: 'ready', tookMs: 2310, nodes: [par], try: [line], browse: [] });
  const text = terminal.out.join('\n');
  assert.match(text, /NODE\s+ROLE\s+PLACE\s+ADDRESS\s+ADMIN\s+STATE/);
  assert.match(text, /par\s+edge\s+Paris\s+127\.0\.0\.1:8081\s+127\.0\.0\.1:8091\s+ready/);
  assert.match(text, /Ready in 2\.3 s/);
  assert.doesNotMatch(text, /browser/);
  assert.match(text, /^ {2}curl -i http:\/\/127\.0\.0\.1:8081\/$/m);
});

test('a death and its restart are one line each', () => {
  const terminal = createCapturedTerminal();
  const report = createWordReport(terminal, createFakeClock());
  report({ event: 'ended', id: 'par', why: 'signal SIGKILL', delayMs: 250, restart: 1 });
  report({ event: 'restarted', id: 'par', pid: 13, restart: 1 });
  assert.match(
    terminal.out[0] ?? '',
    /par ended \(signal SIGKILL\); starting it again in 0\.25 s \(restart 1\)/,
  );
  assert.match(terminal.out[1] ?? '', /par runs again, as process 13/);
});

test('why it could not start goes to standard error, for a person', () => {
  const terminal = createCapturedTerminal();
  createWordReport(terminal, createFakeClock())({ event: 'failed', reason: 'no room' });
  assert.deepEqual([terminal.out, terminal.problems], [[], ['no room']]);
});

test('a program gets every event as one line of JSON', () => {
  const terminal = createCapturedTerminal();
  const report = createJsonReport(terminal);
  report({ event: 'stopping', reason: 'Ctrl-C' });
  report({ event: 'failed', reason: 'no\nroom' });
  assert.deepEqual(
    terminal.out.map((line) => JSON.parse(line).event),
    ['stopping', 'failed'],
  );
});
