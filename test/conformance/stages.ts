/**
 * The set-ups of the suite in one network of real processes: a PoP without a shield, and a PoP behind which a shield stands.
 * Each is a stage, and each once more for the shipped default of Set-Cookie, whose cases alone are played there.
 *
 * Invariant: a case whose origin misbehaves, or that reaches beyond its URLs, has a host and an origin of its own in each
 * stage: an origin that fails is out for a while for everybody.
 */
import { type Hooks, startNetwork } from '../support/network/network.ts';
import { type Case, needsOwnOrigin, type SiteName } from './case.ts';
import type { SetupName } from './judge.ts';
import type { Stage } from './play.ts';
import { type ScriptedOrigin, startScriptedOrigin } from './scripted-origin.ts';
import { problemsOfSite, siteConfig, sites } from './sites.ts';

export interface StageOfCases extends Stage {
  /** Whether it repeats cases under the shipped default. */
  isShipped: boolean;
  cases: readonly Case[];
}

const popOf: Record<SetupName, string> = { edge: 'alone', tiers: 'par' };
const domain = 'conformance.test';

/**
 * Starts network and origins for these cases; `hooks` are given what stops them. With several workers, what one has stored
 * must hold for all.
 */
export async function startStages(
  cases: readonly Case[],
  setups: readonly SetupName[],
  hooks: Hooks,
  workers = 2,
): Promise<StageOfCases[]> {
  const plans = setups.flatMap((setup) => [
    planOf(setup, false, cases),
    planOf(setup, true, cases.filter(setsCookies)),
  ]);
  const shared = await startScriptedOrigin();
  const own = new Map<string, { site: SiteName; origin: ScriptedOrigin }>();
  for (const plan of plans) {
    for (const theCase of plan.cases.filter(needsOwnOrigin)) {
      const site = plan.siteOf(theCase.site ?? 'store');
      if (!isKnown(site)) continue;
      own.set(ownHost(plan.name, theCase), { site, origin: await startScriptedOrigin() });
    }
  }
  hooks.after(async () => {
    for (const { origin } of own.values()) await origin.stop();
    await shared.stop();
  });
  const network = await startNetwork(
    {
      sites: () => [
        ...siteNames.map((name) => siteConfig(name, `${name}.${domain}`, shared.url)),
        ...[...own].map(([host, { site, origin }]) => siteConfig(site, host, origin.url)),
      ],
      pops: setups.map((setup) =>
        setup === 'edge'
          ? { id: popOf.edge, workers }
          : { id: popOf.tiers, workers, shield: ['eu'] },
      ),
      shields: setups.includes('tiers') ? [{ id: 'eu', workers }] : [],
    },
    hooks,
  );
  return plans.map((plan) => ({
    ...plan,
    port: Number(new URL(network.url(popOf[plan.setup])).port),
    shared,
    originOf(theCase) {
      const site = theCase.site ?? 'store';
      if (!isKnown(site)) throw new Error(`the options of the site "${site}" are not known`);
      return own.get(ownHost(plan.name, theCase))?.origin ?? shared;
    },
    hostOf(theCase, site) {
      const isOwn = site === (theCase.site ?? 'store') && needsOwnOrigin(theCase);
      return isOwn ? ownHost(plan.name, theCase) : `${plan.siteOf(site)}.${domain}`;
    },
  }));
}

/** Sites whose options this schema knows; cases of another one fail, and the rest is played. */
const siteNames = (Object.keys(sites) as SiteName[]).filter(
  (name) => problemsOfSite(name).length === 0,
);
const isKnown = (site: SiteName) => siteNames.includes(site);

function planOf(setup: SetupName, isShipped: boolean, cases: readonly Case[]) {
  return {
    name: isShipped ? `${setup}-shipped` : setup,
    setup,
    isShipped,
    cases,
    siteOf: (site: SiteName): SiteName => (isShipped && site === 'store' ? 'refuse' : site),
  };
}

/** Whether the shipped default, which stores no response that sets a cookie, can matter for the case. */
function setsCookies({ requests, site = 'store' }: Case): boolean {
  return (
    site === 'store' &&
    requests.some(({ origin }) =>
      origin?.lines?.some(([name]) => name.toLowerCase() === 'set-cookie'),
    )
  );
}

function ownHost(stage: string, { id }: Case): string {
  return `${id}.${stage}.${domain}`;
}
