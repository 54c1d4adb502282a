import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countries, findCountry } from '../../../geo-dns/locate/countries.ts';

test('every country has a code of its own, a point on the globe and a number of users', () => {
  assert.ok(countries.length >= 240, `${countries.length}`);
  assert.equal(new Set(countries.map(({ code }) => code)).size, countries.length);
  for (const { code, latitude, longitude, users } of countries) {
    assert.match(code, /^[A-Z]{2}$/);
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && users >= 0, code);
  }
});

test('the countries are those that the runtime knows by name', () => {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  for (const { code } of countries) assert.ok(names.of(code), code);
});

test('a country is found by its code, with its continent; another code is none', () => {
  assert.equal(findCountry('JP')?.continent, 'AS');
  assert.equal(findCountry('ZZ'), undefined);
});
