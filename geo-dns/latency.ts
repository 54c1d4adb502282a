/**
 * How far a client is from a PoP, as the crow flies: the stand-in for latency where no measurement exists. Light in fibre
 * covers about 100 km of distance in 1 ms of round trip, and routes are longer than great circles, so this orders
 * PoPs, it does not predict milliseconds.
 */
import type { Point } from './locate/locate.ts';

const earthRadiusKm = 6371;
const radians = Math.PI / 180;

/**
 * Great-circle distance in kilometres, by the haversine formula. It is not cut short to the part that orders alike (as it
 * could be, were distances only compared with each other), because the load term is added to it in kilometres.
 */
export function distanceKm(a: Point, b: Point): number {
  const halfLatitude = ((b.latitude - a.latitude) * radians) / 2;
  const halfLongitude = ((b.longitude - a.longitude) * radians) / 2;
  const chord =
    Math.sin(halfLatitude) ** 2 +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * Math.sin(halfLongitude) ** 2;
  // Rounding can lift the chord a hair above 1 for antipodes, where asin has no value.
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/** How load counts. The defaults are in the configuration's schema (`freeLoad`, `fullLoadKm`). */
export interface LoadModel {
  /** Load below which a PoP is as good as an idle one: small changes of load do not move clients about. */
  freeLoad: number;
  /** Kilometres that a PoP seems farther away when it is fully loaded: 2,000 km are about 20 ms of round trip. */
  fullLoadKm: number;
}

/**
 * The distance that load adds to a PoP, in kilometres: nothing up to `freeLoad`, then growing with the square of what is
 * above, through `fullLoadKm` at capacity. `load` is requests in progress over capacity.
 */
export function loadTermKm({ freeLoad, fullLoadKm }: LoadModel, load: number): number {
  const above = Math.max(0, load - freeLoad) / (1 - freeLoad);
  return fullLoadKm * above ** 2;
}
