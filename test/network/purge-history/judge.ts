/**
 * Judges a history by what a checker that sees only clients' histories must find true (DESIGN section 4). Pure. It knows nothing of
 * how the network works, only what it promises.
 *
 * A version is *from before a purge* when the origin had a newer one before the purge was sent: a fetch that begins after the purge
 * cannot return it.
 */
import type { History, Purge, Read, Sighting } from './history.ts';

export type Rule =
  /** After *converged n* no read begun later returns bytes from before n; none as fresh, where n is soft. */
  | 'converged'
  /** A quarantined node serves none older than `quarantineRevalidate`, unless the origin fails and it says so. */
  | 'quarantined'
  /** A node that has acknowledged n never serves a match from before n, be n converged or not. */
  | 'acknowledged'
  /** The same over a restart: nothing invalid becomes valid by it. */
  | 'restart'
  /** Every 202 is in the journal, under its number. */
  | 'accepted'
  /** A node that is ready is never behind what it acknowledged. */
  | 'behind'
  /** A node is not ready before the head. */
  | 'ready'
  /** After all faults have healed everybody reaches the head. */
  | 'heals'
  /** Duplicates and reordering give the same state. */
  | 'same-state'
  /** A body is one version, and one that the origin has had by then. */
  | 'body';

export interface Violation {
  rule: Rule;
  text: string;
}

export interface Promised {
  quarantineRevalidateMs: number;
}

/** Everything in `history` that must not be. */
export function judge(history: History, promised: Promised): Violation[] {
  const versionAt = versionsOf(history);
  return [
    ...history.reads.flatMap((read) => judgeBody(versionAt, read)),
    ...judgeReads(history, versionAt, promised),
    ...judgeAccepted(history),
    ...judgeSightings(history),
    ...judgeEnd(history),
  ];
}

/** The newest version of a URL that the origin had at a time. */
type VersionAt = (url: string, atMs: number) => number;

function versionsOf({ changes }: History): VersionAt {
  const byUrl = Map.groupBy(changes, ({ url }) => url);
  return (url, atMs) => {
    const past = (byUrl.get(url) ?? []).filter((change) => change.atMs <= atMs);
    return Math.max(0, ...past.map(({ version }) => version));
  };
}

function judgeBody(versionAt: VersionAt, read: Read): Violation[] {
  const newest = versionAt(read.url, read.endedAtMs);
  const isRight = read.versions.length === 1 && (read.versions[0] ?? 0) <= newest;
  if (isRight) return [];
  return [{ rule: 'body', text: `${describe(read)}, and the newest was ${newest}` }];
}

/** From which moment a node may not serve what is from before a purge. */
interface Bar {
  rule: Rule;
  fromMs: number;
  purge: Purge;
  /** The oldest version that is not from before the purge. */
  oldest: number;
}

function judgeReads(history: History, versionAt: VersionAt, promised: Promised): Violation[] {
  const nodes = new Set(history.reads.map(({ node }) => node));
  const barsOf = new Map<string, Bar[]>();
  for (const purge of history.purges) {
    for (const url of purge.matches) {
      const oldest = versionAt(url, purge.sentAtMs);
      for (const node of nodes) {
        const key = `${node} ${url}`;
        const bars = barsOf.get(key) ?? [];
        barsOf.set(key, bars);
        const added = barsFor(purge, node, promised).map((bar) => ({ ...bar, purge, oldest }));
        bars.push(...added);
      }
    }
  }
  return history.reads.flatMap((read) => {
    const bars = barsOf.get(`${read.node} ${read.url}`) ?? [];
    return bars.filter((bar) => breaks(read, bar)).map((bar) => violationOf(history, read, bar));
  });
}

function barsFor(purge: Purge, node: string, { quarantineRevalidateMs }: Promised) {
  const bars: Pick<Bar, 'rule' | 'fromMs'>[] = purge.acknowledged
    .filter((acknowledged) => acknowledged.node === node)
    .map(({ atMs }) => ({ rule: 'acknowledged', fromMs: atMs }));
  if (purge.convergedAtMs === null) return bars;
  const converged = { rule: 'converged', fromMs: purge.convergedAtMs } as const;
  if (!purge.quarantined.includes(node)) return [...bars, converged];
  const fromMs = purge.convergedAtMs + quarantineRevalidateMs;
  return [...bars, { rule: 'quarantined', fromMs } as const];
}

function breaks(read: Read, { rule, fromMs, purge, oldest }: Bar): boolean {
  if (read.begunAtMs <= fromMs) return false;
  if (purge.soft && read.isStale) return false;
  // What it has not heard of it cannot respect, where the origin fails as well; it must say so.
  if (rule === 'quarantined' && read.isUnvalidated) return false;
  return read.versions.some((version) => version < oldest);
}

function violationOf(history: History, read: Read, bar: Bar): Violation {
  const { purge, fromMs, oldest } = bar;
  const restart = history.starts.find(
    ({ node, atMs }) => node === read.node && atMs > fromMs && atMs < read.endedAtMs,
  );
  const rule = bar.rule === 'acknowledged' && restart ? 'restart' : bar.rule;
  const kind = purge.soft ? 'soft' : 'hard';
  const since = `${kind} purge ${purge.seq} (${purge.id}) was ${bar.rule} there at ${fromMs}`;
  return { rule, text: `${describe(read)}, but ${since}: nothing before version ${oldest}` };
}

function describe({ node, url, begunAtMs, endedAtMs, versions, isStale, cacheStatus }: Read) {
  const what = `version ${versions.join('+')}${isStale ? ' as stale' : ''}`;
  return `${node} served ${url} from ${begunAtMs} to ${endedAtMs} as ${what} (${cacheStatus})`;
}

function judgeAccepted({ purges, end }: History): Violation[] {
  const kept = new Map(end.entries.map(({ seq, id }) => [seq, id]));
  return purges
    .filter(({ id, seq }) => id !== null && seq !== null && kept.get(seq) !== id)
    .map(({ id, seq }) => {
      const found = kept.get(seq ?? 0) ?? 'nothing';
      return { rule: 'accepted', text: `${id} was accepted as ${seq}; there is ${found} there` };
    });
}

function judgeSightings(history: History): Violation[] {
  return history.sightings
    .filter(({ isReady }) => isReady)
    .filter((sighting) => !startedDuring(history, sighting))
    .flatMap((sighting) => [
      ...demand(history, sighting, 'behind', (purge) =>
        purge.acknowledged.some(
          ({ node, atMs }) => node === sighting.node && atMs < sighting.begunAtMs,
        ),
      ),
      ...demand(history, sighting, 'ready', (purge) => mustBeReached(history, sighting, purge)),
    ]);
}

/** What was seen of two processes says nothing about one. */
function startedDuring({ starts }: History, { node, begunAtMs, endedAtMs }: Sighting): boolean {
  return starts.some(
    (start) => start.node === node && start.atMs >= begunAtMs && start.atMs <= endedAtMs,
  );
}

/** Accepted before the node's process began, or converged without the node: it cannot be ready without having it. */
function mustBeReached({ starts }: History, sighting: Sighting, purge: Purge): boolean {
  const { node, begunAtMs } = sighting;
  const startedAtMs = Math.max(
    ...starts.filter((start) => start.node === node && start.atMs < begunAtMs).map((s) => s.atMs),
  );
  const isOlder = purge.acceptedAtMs !== null && purge.acceptedAtMs < startedAtMs;
  const isConverged = purge.convergedAtMs !== null && purge.convergedAtMs < begunAtMs;
  return isOlder || isConverged;
}

/** The newest purge that the sighted node must have. */
function demand(
  { purges }: History,
  sighting: Sighting,
  rule: Rule,
  mustHave: (purge: Purge) => boolean,
): Violation[] {
  const seq = Math.max(0, ...purges.filter(mustHave).map((purge) => purge.seq ?? 0));
  if (sighting.seq >= seq) return [];
  const { node, begunAtMs } = sighting;
  return [{ rule, text: `${node} was ready at ${begunAtMs} with ${sighting.seq}, before ${seq}` }];
}

function judgeEnd({ end }: History): Violation[] {
  return Object.entries(end.positions).flatMap(([node, position]): Violation[] => {
    const { identity, seq, hash } = end.head;
    if (position?.identity !== identity || position.seq !== seq) {
      const where = position ? `${position.identity} ${position.seq}` : 'nowhere';
      return [{ rule: 'heals', text: `${node} ended at ${where}, and the head is ${seq}` }];
    }
    if (position.hash === hash) return [];
    return [{ rule: 'same-state', text: `${node} ended with ${position.hash}, not ${hash}` }];
  });
}
