/**
 * How the DNS chooses among PoPs for the hosts of a site: part of the configuration's schema. Which keys go with which
 * policy, and whether the PoPs exist, is in `steering-checks.ts`.
 */
import { z } from 'zod';
import { domainName, nodeId } from './units.ts';

export const country = z
  .string()
  .regex(/^[A-Z]{2}$/, 'expected a two-letter country code such as FR');
export const continent = z.enum(['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA']);

const popList = z
  .union([nodeId, z.array(nodeId).min(1, 'name at least one PoP')])
  .transform((value) => [value].flat());

/** PoPs by country or continent. The keys are refined here, because a record would only say that one is invalid. */
function popsBy(area: z.ZodType<string>, message: string) {
  return z
    .record(z.string(), popList)
    .refine((record) => Object.keys(record).every((key) => area.safeParse(key).success), message);
}

const rules = {
  /**
   * `latency`: the nearest, by distance and load · `geo`: the nearest of those named for the client's country or continent ·
   * `weighted`: a share of the client networks each · `failover`: the first that is well · `round-robin`: in turn ·
   * `hash`: an even share of the client networks each.
   */
  policy: z
    .enum(['latency', 'geo', 'weighted', 'failover', 'round-robin', 'hash'])
    .default('latency'),
  /** PoPs in an answer, each with all its addresses. */
  answers: z.number().int().min(1).max(8).default(1),
  /** For `geo`: PoPs by the client's country. */
  countries: popsBy(country, 'expected two-letter country codes such as FR').optional(),
  /** For `geo`: PoPs by the client's continent, where the country has none. */
  continents: popsBy(continent, 'expected AF, AN, AS, EU, NA, OC or SA').optional(),
  /** For `geo`: the PoPs of everybody else; absent: all. */
  default: popList.optional(),
  /** For `weighted`: shares by PoP. A PoP that is not named, or has 0, is used when no other is well. */
  weights: z.record(nodeId, z.number().min(0).max(1_000_000)).optional(),
  /** The PoPs in their order (`failover`), or those that take part (`round-robin`, `hash`; absent: all). */
  order: popList.optional(),
  /** Load up to which a PoP is as good as an idle one; `latency` and `geo`. */
  freeLoad: z.number().min(0).max(0.99).default(0.5),
  /** Kilometres that a fully loaded PoP seems farther away; `latency` and `geo`. */
  fullLoadKm: z.number().min(0).max(40_000).default(2000),
};

export const steering = z.strictObject({
  ...rules,
  /** Other rules for some hosts of the site. */
  names: z
    .array(
      z.strictObject({ hosts: z.array(domainName).min(1, 'name at least one host'), ...rules }),
    )
    .default([]),
});

export type SteeringConfig = z.output<typeof steering>;
/** The rules of one host. */
export type SteeringRules = Omit<SteeringConfig, 'names'>;
export type SteeringPolicy = SteeringRules['policy'];
export type Continent = z.output<typeof continent>;

/** What holds where a configuration says nothing. */
export const plainSteering: SteeringRules = {
  policy: 'latency',
  answers: 1,
  freeLoad: 0.5,
  fullLoadKm: 2000,
};

/** The rules of each host. */
export function steeringByHost(
  sites: readonly { hosts: readonly string[]; steering: SteeringConfig }[],
): ReadonlyMap<string, SteeringRules> {
  return new Map(
    sites.flatMap(({ hosts, steering: { names, ...common } }) =>
      hosts.map((host): [string, SteeringRules] => {
        const own = names.find((name) => name.hosts.includes(host));
        return [host, own ?? common];
      }),
    ),
  );
}
