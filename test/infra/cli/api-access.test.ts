import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseToken, findApi, jsonOf, problemText } from '../../../infra/cli/api-access.ts';
import { CommandError } from '../../../infra/cli/command-error.ts';
import { createContext } from '../support/cli-context.ts';
import { smallNetworkFolder, smallTopology } from '../support/small-network.ts';

test('options come before the environment, and the environment before the file', () => {
  const { folder } = smallNetworkFolder({
    purge: {
      listen: '127.0.0.1:8500',
      admin: '127.0.0.1:8501',
      tokens: [{ name: 'a', secret: 'from-file', hosts: ['*'] }],
    },
  });
  const fromFile = findApi({}, createContext({ cwd: folder }));
  const environment = { BREAKWATER_API: 'http://10.0.0.1:1', BREAKWATER_TOKEN: 'from-env' };
  const fromEnvironment = findApi({}, createContext({ cwd: folder, environment }));
  const given = { api: '10.0.0.2:2/', token: 'given' };
  const fromOptions = findApi(given, createContext({ cwd: folder, environment }));
  assert.deepEqual(fromFile, { base: 'http://127.0.0.1:8500', token: 'from-file' });
  assert.deepEqual(fromEnvironment, { base: 'http://10.0.0.1:1', token: 'from-env' });
  assert.deepEqual(fromOptions, { base: 'http://10.0.0.2:2', token: 'given' });
});

test('with an address and a token no configuration is needed; with one of them it is', () => {
  const context = createContext({ cwd: '/' });
  assert.doesNotThrow(() => findApi({ api: 'http://10.0.0.1:1', token: 't' }, context));
  assert.throws(() => findApi({ token: 't' }, context), { exitCode: 2, message: /give --api/ });
  assert.throws(() => findApi({ api: 'a:1' }, context), { exitCode: 2, message: /give --token/ });
  assert.throws(() => findApi({}, context), { exitCode: 2, message: /no configuration/ });
});

test('the token for all hosts is chosen before the first one', () => {
  assert.equal(chooseToken(smallTopology()), 'all-secret');
  const { purge } = smallTopology();
  const limited = purge.tokens.filter((token) => !token.hosts.includes('*'));
  assert.equal(chooseToken({ purge: { ...purge, tokens: limited } }), 'limited-secret');
  assert.equal(chooseToken({ purge: { ...purge, tokens: [] } }), undefined);
});

test('a problem is told in its own words, with each of its parts', () => {
  const problem = {
    title: 'The purge is not understood',
    detail: '2 problems',
    problems: [
      { path: 'tags[1]', message: 'expected a string' },
      { path: '', message: 'nothing to purge' },
    ],
  };
  assert.equal(
    problemText(400, problem),
    'The purge is not understood: tags[1]: expected a string; nothing to purge',
  );
  assert.equal(problemText(502, undefined), 'the purge API answered with status 502');
});

test('a refusal ends the command with 1', () => {
  const body = Buffer.from('{"title":"A purge token is needed","detail":"send one"}');
  assert.throws(
    () => jsonOf({ status: 401, headers: {}, body }),
    (error: unknown) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.exitCode, 1);
      assert.equal(error.message, 'A purge token is needed: send one');
      return true;
    },
  );
});
