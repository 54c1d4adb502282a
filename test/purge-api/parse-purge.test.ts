import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePurge } from '../../purge-api/parse-purge.ts';

const hosts = new Set(['a.test', 'b.test']);
const parse = (body: unknown) => parsePurge(body, hosts);

function problemsOf(body: unknown): string[] {
  const parsed = parse(body);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
}

describe('what a purge may say', () => {
  test('kinds may be mixed; soft is off unless it is said', () => {
    const body = {
      urls: ['https://a.test/x?y=1'],
      tags: ['news'],
      prefixes: ['http://b.test/img/'],
      hosts: ['A.Test.'],
    };
    assert.deepEqual(parse(body), {
      ok: true,
      soft: false,
      dryRun: false,
      warm: 0,
      selectors: [
        { kind: 'url', url: 'https://a.test/x?y=1' },
        { kind: 'tag', tag: 'news' },
        { kind: 'prefix', prefix: 'http://b.test/img/' },
        { kind: 'host', host: 'a.test' },
      ],
    });
    assert.deepEqual(parse({ everything: true, soft: true }), {
      ok: true,
      soft: true,
      dryRun: false,
      warm: 0,
      selectors: [{ kind: 'everything' }],
    });
  });

  test('a tag may hold spaces and commas, as those of Cache-Groups do (RFC 9875)', () => {
    assert.ok(parse({ tags: ['a, b', 'ü'] }).ok);
  });

  test('exactly 1,000 selectors are taken, 1,001 are not', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`);
    assert.ok(parse({ tags: tags(1000) }).ok);
    assert.match(problemsOf({ tags: tags(600), hosts: tags(0), urls: undefined }).join(), /empty/);
    assert.match(
      problemsOf({ tags: tags(500), prefixes: tags(501).map(() => 'http://a.test/') }).join(),
      /1001 selectors: at most 1000/,
    );
  });

  test('a tag of exactly 1,024 bytes is taken, a longer one is not', () => {
    assert.ok(parse({ tags: ['x'.repeat(1024)] }).ok);
    assert.match(problemsOf({ tags: ['ü'.repeat(513)] }).join(), /tags\[0\]: .*1024 bytes/);
  });
});

describe('what is refused, and how it is said', () => {
  const refused: [string, unknown, RegExp][] = [
    ['an empty object', {}, /nothing to purge/],
    ['soft alone', { soft: true }, /nothing to purge/],
    ['null', null, /JSON object/],
    ['a list', [], /JSON object/],
    ['a string', 'everything', /JSON object/],
    ['an empty list', { urls: [] }, /urls: the list is empty/],
    ['an empty list beside a full one', { urls: [], tags: ['x'] }, /urls: the list is empty/],
    ['an empty string', { tags: [''] }, /tags\[0\]: expected a string that is not empty/],
    ['a number', { tags: ['x', 7] }, /tags\[1\]: expected a string/],
    ['a string in the place of a list', { tags: 'x' }, /tags: expected a list/],
    ['everything: false', { everything: false }, /everything: expected true/],
    ['everything: "yes"', { everything: 'yes', tags: ['x'] }, /everything: expected true/],
    ['soft: "true"', { tags: ['x'], soft: 'true' }, /soft: expected true or false/],
    ['an unknown key', { tags: ['x'], url: 'y' }, /url: unknown key \(known: urls, tags, /],
    ['a dry run by half', { tags: ['x'], dryRun: 1 }, /dryRun: expected true or false/],
    ['a path alone', { urls: ['/x'] }, /urls\[0\]: "\/x" is no absolute/],
    ['no scheme', { urls: ['a.test/x'] }, /no absolute/],
    ['another scheme', { prefixes: ['ftp://a.test/'] }, /prefixes\[0\]: .*no absolute/],
    ['a fragment', { urls: ['http://a.test/#top'] }, /without a fragment/],
    ['user information', { urls: ['http://u:p@a.test/'] }, /no absolute/],
    ['an unknown host', { urls: ['http://a.test/', 'http://x.test/'] }, /urls\[1\]: no site has/],
    ['a prefix of a host', { prefixes: ['http://a.tes'] }, /no site has the host "a.tes"/],
    ['a host with a port', { hosts: ['a.test:80'] }, /hosts\[0\]: .*no host name/],
    ['a host with a scheme', { hosts: ['http://a.test'] }, /no host name/],
    ['an unknown host by name', { hosts: ['x.test'] }, /no site has the host "x.test"/],
    ['a URL of 9,000 characters', { urls: [`http://a.test/${'x'.repeat(9000)}`] }, /longer than/],
  ];
  for (const [what, body, pattern] of refused) {
    test(`refuses ${what}`, () => assert.match(problemsOf(body).join('\n'), pattern));
  }

  test('all problems are told at once, with the place in the list that was sent', () => {
    const problems = problemsOf({ urls: [7, 'x', 'http://a.test/'], tags: [''], nonsense: 1 });
    assert.deepEqual(
      problems.map((problem) => problem.split(':')[0]),
      ['nonsense', 'urls[0]', 'tags[0]', 'urls[1]'],
    );
  });

  test('of very many problems the first are told, and how many there are', () => {
    const problems = problemsOf({ urls: Array.from({ length: 50 }, () => 'x') });
    assert.deepEqual([problems.length, problems.at(-1)], [21, ': and 30 further problems']);
  });
});

test('warm is a number of responses within its bound, and nothing for a dry run', () => {
  const read = (warm: unknown, more = {}) =>
    parsePurge({ tags: ['news'], warm, ...more }, new Set<string>());
  const found = read(10_000);
  assert.equal(found.ok && found.warm, 10_000);
  for (const wrong of [0, -1, 1.5, 10_001, '5', null, true]) {
    const refused = read(wrong);
    assert.deepEqual(!refused.ok && refused.problems.map(({ path }) => path), ['warm']);
  }
  assert.equal(read(5, { dryRun: true }).ok, false);
});
