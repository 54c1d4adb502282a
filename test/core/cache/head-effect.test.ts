/** Rules of core/cache/head-effect.ts: what a HEAD says about the stored GET (RFC 9111 §4.3.5), and what is done about it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectOfHead } from '../../../core/cache/head-effect.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { first } from '../../../core/http/headers.ts';
import type { UpstreamResponse } from '../../../core/upstream/upstream.ts';
import { createTestEngine, type EngineOptions, type TestEngine } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { createFakeBody, type FakeResponse } from '../../support/fake-upstream.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const fresh = ['Cache-Control', 'max-age=60'];
const date = 'Thu, 01 Jan 2026 10:00:00 GMT';
const validators = ['ETag', '"1"', 'Last-Modified', date];

describe('the answer to a HEAD', () => {
  const engine = createTestEngine();
  const effectOf = (
    { status = 200, headers = [] }: FakeResponse,
    stored: ResponseOverrides = {},
    { method = 'HEAD', asked = [] as string[] } = {},
  ) => {
    const response: UpstreamResponse = {
      status,
      reason: '',
      headers,
      body: createFakeBody(0),
      from: { tier: 'origin', name: 'origin.test:80' },
      tierHeaders: new Map(),
      requestTimeMs: 1000,
      responseTimeMs: 1000,
    };
    const known = { etag: '"1"', lastModified: date, headers: [...fresh, ...validators] };
    const entry = responseWith({ ...known, ...stored }, 'four');
    const request = engine.request('/', { method, headers: asked });
    return effectOfHead(request, entry, response, { identity: 'journal-a', seq: 0, hash: '' });
  };

  const agreeing: [string, string[]][] = [
    ['the same validators and length', [...validators, 'Content-Length', '4']],
    ['one of them', ['ETag', '"1"']],
    ['none of them: nothing speaks against it', []],
  ];
  for (const [title, headers] of agreeing) {
    it(`with ${title} freshens it`, () => {
      const effect = effectOf({
        headers: [...headers, 'Cache-Control', 'max-age=5', 'X-New', 'n'],
      });
      assert.ok(effect.kind === 'freshened');
      assert.deepEqual(
        [effect.entry.freshness.lifetimeSeconds, first(effect.entry.headers, 'x-new')],
        [5, 'n'],
      );
      assert.equal(effect.entry.body?.toString(), 'four');
      assert.equal(first(effect.entry.headers, 'content-length'), undefined);
    });
  }

  const different: [string, string[], ResponseOverrides][] = [
    ['another tag', ['ETag', '"2"'], {}],
    ['the weak form of the tag', ['ETag', 'W/"1"'], {}],
    ['a tag that the stored one lacks', ['ETag', '"1"'], { etag: undefined }],
    ['another date', ['Last-Modified', 'Fri, 02 Jan 2026 10:00:00 GMT'], {}],
    ['another length', [...validators, 'Content-Length', '5'], {}],
  ];
  for (const [title, headers, stored] of different) {
    it(`with ${title} outdates it`, () => {
      assert.equal(effectOf({ headers }, stored).kind, 'outdated');
    });
  }

  it('that differs changes nothing where it is stale already, but for a refresh behind it', () => {
    const headers = ['ETag', '"2"'];
    const stale = { lifetimeSeconds: 0, staleIfErrorSeconds: 60 };
    assert.equal(effectOf({ headers }, { freshness: stale }).kind, 'none');
    const served = { ...stale, staleWhileRevalidateSeconds: 60 };
    assert.equal(effectOf({ headers }, { freshness: served }).kind, 'outdated');
  });

  it('that forbids to keep it outdates it', () => {
    assert.equal(effectOf({ headers: ['Cache-Control', 'no-store'] }).kind, 'outdated');
    assert.equal(effectOf({ headers: ['Vary', '*'] }).kind, 'outdated');
  });

  const statuses: [number, string][] = [
    [404, 'outdated'],
    [410, 'outdated'],
    [301, 'outdated'],
    [204, 'outdated'],
    [304, 'none'],
    [401, 'none'],
    [403, 'none'],
    [405, 'none'],
    [429, 'none'],
    [500, 'none'],
    [503, 'none'],
  ];
  for (const [status, kind] of statuses) {
    it(`of ${status} has the effect: ${kind}`, () => assert.equal(effectOf({ status }).kind, kind));
  }

  it('says nothing about a stored error that it repeats', () => {
    assert.equal(effectOf({ status: 404 }, { status: 404 }).kind, 'none');
  });

  it('to one with Authorization says nothing about what is for all (RFC 9111 §3.5)', () => {
    const options = { asked: ['Authorization', 'Basic eA=='] };
    assert.equal(effectOf({ headers: validators }, {}, options).kind, 'none');
    assert.equal(effectOf({ status: 404 }, {}, options).kind, 'none');
    const forAll = { headers: ['Cache-Control', 'public, max-age=60', ...validators] };
    const own = { headers: [...fresh, ...validators, 'X-User', 'me'] };
    assert.equal(effectOf(own, forAll, options).kind, 'none');
    assert.equal(effectOf({ headers: validators }, forAll, options).kind, 'freshened');
  });

  it('is the matter: a GET has other ways', () => {
    assert.equal(effectOf({ headers: validators }, {}, { method: 'GET' }).kind, 'none');
  });
});

describe('a HEAD of something stale', () => {
  async function start(answer: FakeResponse, options: EngineOptions = {}): Promise<TestEngine> {
    const engine = createTestEngine(options);
    engine.upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = (call) =>
      call.respond(
        call.request.method === 'HEAD'
          ? { lengthBytes: 0, body: '', ...answer }
          : { headers: fresh, body: 'two' },
      );
    return engine;
  }

  async function xCache(engine: TestEngine, method = 'GET'): Promise<string> {
    const { answer, body } = await engine.fetch('/', { method });
    if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
    return `${outcomeOf(answer, engine.clock.nowMs()).xCache} ${body}`;
  }

  it('makes it fresh where it agrees, for a minute from then, in memory and on disk', async () => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const headers = [...fresh, 'Content-Length', '3', 'X-New', 'n'];
    const engine = await start({ headers }, { disk });
    assert.equal(await xCache(engine, 'HEAD'), 'MISS ');
    await engine.clock.advance(59_999);
    assert.equal(await xCache(engine), 'HIT one');
    engine.store.memory.clear();
    const { answer, body } = await engine.fetch();
    assert.ok(answer.kind === 'stored');
    assert.deepEqual([body, first(answer.entry.headers, 'x-new')], ['one', 'n']);
  });

  it('has it fetched anew where it says something else, even within a stale window', async () => {
    const site = { cache: { staleWhileRevalidate: '1h', staleIfError: '1d' } };
    const engine = await start({ status: 404 }, { site });
    await engine.fetch('/', { method: 'HEAD', headers: ['Cache-Control', 'no-cache'] });
    assert.deepEqual(engine.invalidated, ['http://www.demo.test/']);
    assert.equal(await xCache(engine), 'MISS two');
  });

  it('does not bring back what was in a group that was invalidated meanwhile (RFC 9875 §3)', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) =>
      call.respond({ headers: [...fresh, 'Cache-Groups', '"news"'], body: 'one' });
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = undefined;
    const head = engine.fetch('/', { method: 'HEAD' });
    const groups = { host: 'www.demo.test', groups: ['news'] };
    engine.coalescer.invalidate([], { groups });
    engine.store.remove([], true, groups);
    engine.upstream.call(1).respond({ headers: fresh, lengthBytes: 0, body: '' });
    await head;
    assert.equal(engine.store.memory.count, 0);
  });

  it('does not store when an unsafe request has changed the target meanwhile (RFC 9111 §4.4)', async () => {
    const engine = await start({ headers: fresh });
    engine.upstream.script = undefined;
    const head = engine.fetch('/', { method: 'HEAD' });
    await engine.handle.invalidate(['http://www.demo.test/']);
    engine.upstream.call(1).respond({ headers: fresh, lengthBytes: 0, body: '' });
    await head;
    assert.equal(engine.store.memory.count, 0);
  });
});
