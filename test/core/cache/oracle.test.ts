/**
 * `freshness`, `storable` and `decide` against http-cache-semantics: two implementations that nobody wrote together must agree on
 * random exchanges, but for what `oracle-differences.ts` lists. fast-check prints the seed and the smallest exchange on failure.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Aspect, differences, standsOn } from './oracle-differences.ts';
import { breakwaterSays, type Exchange, exchanges, oracleSays } from './oracle-exchanges.ts';

const aspects = Object.keys(standsOn) as Aspect[];
const runs = 5000;

/** The aspects in which both must say the same of an exchange. */
function comparable(exchange: Exchange): Aspect[] {
  const [ours, theirs] = [breakwaterSays(exchange), oracleSays(exchange)];
  const applying = differences.filter(({ applies }) => applies(exchange, ours));
  const differing = new Set(applying.flatMap((difference) => difference.aspects));
  return aspects.filter((aspect) => {
    // The oracle has no lifetime and no use for what it does not store.
    const isKept = aspect === 'storable' || (ours.storable && theirs.storable);
    return isKept && ![aspect, ...standsOn[aspect]].some((one) => differing.has(one));
  });
}

describe('an independent implementation', () => {
  it('says the same of random exchanges in everything that is not listed', () => {
    const compared = new Map<Aspect, number>();
    fc.assert(
      fc.property(exchanges, (exchange) => {
        const [ours, theirs] = [breakwaterSays(exchange), oracleSays(exchange)];
        for (const aspect of comparable(exchange)) {
          assert.equal(ours[aspect], theirs[aspect], aspect);
          compared.set(aspect, (compared.get(aspect) ?? 0) + 1);
        }
      }),
      { numRuns: runs },
    );
    // A list that has grown to excuse everything would prove nothing.
    const enough = (aspect: Aspect) => (compared.get(aspect) ?? 0) > runs / 5;
    assert.deepEqual(aspects.filter(enough), aspects, JSON.stringify([...compared]));
  });
});

const plain: Exchange = {
  method: 'GET',
  authorization: undefined,
  requestSaid: [],
  delaySeconds: 0,
  status: 200,
  said: [],
  fields: {},
  asked: [],
  pragmaAsked: undefined,
  elapsedSeconds: 0,
};

describe('a difference', () => {
  for (const { title, section, aspects: differing, applies, example } of differences) {
    it(`is one, and is the only one in its example: ${title} (${section})`, () => {
      const exchange = { ...plain, ...example };
      const [ours, theirs] = [breakwaterSays(exchange), oracleSays(exchange)];
      const [shown] = differing;
      assert.ok(shown && applies(exchange, ours));
      assert.notEqual(ours[shown], theirs[shown]);
      const others = differences.filter((other) => other.applies !== applies);
      const excused = others.filter((other) => other.applies(exchange, ours));
      assert.ok(!excused.some((other) => other.aspects.includes(shown)));
    });
  }
});
