/** The suite as data: what a table of a thousand rows gets wrong without anybody noticing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { casesNamed, groups } from './suite.ts';

const cases = groups.flatMap((group) => group.cases);

test('each case has an id of its own, which can stand in a URL and in a host name', () => {
  const seen = new Set<string>();
  for (const { id } of cases) {
    assert.match(id, /^[a-z0-9-]{1,63}$/);
    assert.ok(!seen.has(id), `two cases are called ${id}`);
    seen.add(id);
  }
});

test('each case names its rule and the section that it stands in', () => {
  for (const { id, name, spec } of cases) {
    assert.ok(name.length > 10, id);
    assert.match(spec, /^RFC \d{4} §[\d.]+$|^Surrogate-Control/, id);
  }
});

test('the first request of a case finds nothing stored, and says what the origin answers', () => {
  for (const { id, requests } of cases) {
    assert.ok(requests[0]?.origin ?? requests[0]?.expect, id);
  }
});

test('there are some hundred required cases and more', () => {
  const required = cases.filter(({ level }) => level === 'required');
  assert.ok(required.length > 350 && cases.length > 700);
});

test('a word is a group or a case', () => {
  assert.equal(casesNamed(undefined)?.length, cases.length);
  assert.ok((casesNamed('age')?.length ?? 0) > 20);
  assert.deepEqual(
    casesNamed('age-sent')?.map(({ id }) => id),
    ['age-sent'],
  );
  assert.equal(casesNamed('nonsense'), undefined);
});
