/** Rules of core/http/cache-status.ts: one member for each cache on the way (RFC 9211). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type CacheStatusMember,
  cacheStatusMembers,
  formatCacheStatus,
} from '../../../core/http/cache-status.ts';
import { parseStructuredList } from '../../../core/http/structured.ts';

describe('writing a member (RFC 9211 §2)', () => {
  const cases: [CacheStatusMember, string][] = [
    [{ cache: 'demo-par', hit: true, ttl: 30 }, 'demo-par; hit; ttl=30'],
    [{ cache: 'demo-par', hit: true, ttl: -3.5 }, 'demo-par; hit; ttl=-4'],
    [
      { cache: 'demo-par', fwd: 'uri-miss', fwdStatus: 200, stored: true, collapsed: true },
      'demo-par; fwd=uri-miss; fwd-status=200; stored; collapsed',
    ],
    [{ cache: 'a', fwd: 'uri-miss', collapsed: false }, 'a; fwd=uri-miss; collapsed=?0'],
    [{ cache: 'a b', fwd: 'stale', detail: 'unreachable' }, '"a b"; fwd=stale; detail=unreachable'],
    [{ cache: '1a', key: 'http/a?"b"' }, '"1a"; key="http/a?\\"b\\""'],
    [{ cache: 'a', detail: 'two words' }, 'a; detail="two words"'],
    [{ cache: '' }, '""'],
  ];
  for (const [member, text] of cases) {
    it(text, () => assert.equal(formatCacheStatus(member), text));
  }

  it('gives a structured list that says what was meant, for any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer(), (cache, detail, ttl) => {
        const text = formatCacheStatus({ cache, hit: true, ttl: ttl % 1e9, detail, key: detail });
        const [item] = parseStructuredList(`${text}, other; hit`) ?? [];
        const ascii = (s: string) => s.replaceAll(/[^\x20-\x7e]/g, '?');
        assert.equal(String(item?.[0]), ascii(cache));
        assert.equal(String(item?.[1].get('detail')), ascii(detail));
        assert.equal(item?.[1].get('ttl'), ttl % 1e9);
      }),
    );
  });
});

describe('reading members', () => {
  it('tells them apart by name and keeps each text', () => {
    const value = 'shield; fwd=miss; detail="a, b",  "two words"; hit , par;hit;ttl=1';
    assert.deepEqual(cacheStatusMembers(value), [
      { name: 'shield', text: 'shield; fwd=miss; detail="a, b"' },
      { name: 'two words', text: '"two words"; hit' },
      { name: 'par', text: 'par;hit;ttl=1' },
    ]);
  });

  it('reads escaped names, and gives unreadable ones none', () => {
    assert.equal(cacheStatusMembers('"a\\"b\\\\"; hit')[0]?.name, 'a"b\\');
    assert.equal(cacheStatusMembers('"open; hit')[0]?.name, '');
    assert.deepEqual(cacheStatusMembers(''), []);
  });

  it('finds the name of what was written, so that a tier knows its own', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]+$/), (cache) => {
        const field = `first; hit, ${formatCacheStatus({ cache, fwd: 'miss' })}`;
        assert.equal(cacheStatusMembers(field)[1]?.name, cache);
      }),
    );
  });
});
