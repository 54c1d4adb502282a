/** Those who use a simulated network: readers at the edges, and a caller of purge-api who waits until a purge has converged. */
import { first } from '../../core/http/headers.ts';
import type { JournalEntry, Selector } from '../../core/purge/command.ts';
import type { PurgeCommand } from '../../purge-api/journal.ts';
import { type Begun, judgeRead } from './invariants.ts';
import { matches } from './ledger.ts';
import type { Receiver } from './simulated-exchange.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { type Page, pages, urlOf, versionOf } from './simulated-origin.ts';
import { edgePlaces, host, nodeIdOf, type Place, places } from './simulated-topology.ts';

export interface Clients {
  /** Readers and callers begin, and go on until `stop`. */
  go(readsEachMs: number, purgesEachMs: number): void;
  /** Reads every page at the edges (default: all), now. */
  readAll(at?: readonly Place[]): void;
  /** Changes pages and purges them; resolves with the entry when it is accepted, undefined when that is not known. */
  purge(selector?: Selector, soft?: boolean): Promise<JournalEntry | undefined>;
  stop(): void;
  /** Entries whose purge was accepted. */
  readonly accepted: readonly JournalEntry[];
  readonly converged: ReadonlySet<string>;
}

const askAgainMs = 20;

const selectors: readonly [Selector, ...Selector[]] = [
  { kind: 'tag', tag: 'all' },
  { kind: 'tag', tag: 'a' },
  { kind: 'tag', tag: 'c' },
  { kind: 'tag', tag: 'other' },
  { kind: 'url', url: urlOf('/a') },
  { kind: 'url', url: urlOf('/b') },
  { kind: 'prefix', prefix: urlOf('/dir/c').slice(0, -1) },
  { kind: 'host', host },
  { kind: 'everything' },
];

/** Creates clients that do nothing yet. */
export function createClients(network: SimulatedNetwork): Clients {
  const { time, history, ledger, origin } = network;
  const chance = network.chance.fork();
  const accepted: JournalEntry[] = [];
  const converged = new Set<string>();
  let purges = 0;
  let turn = 0;

  const read = (node: SimulatedNode | undefined, page: Page) => {
    const worker = node?.workers[chance.below(node.workers.length)];
    if (!node || !worker) return;
    worker.thread.run(() => {
      const begun = beginRead(network, node, worker, page);
      const leave = worker.take(
        { method: 'GET', pathAndQuery: page, rawHeaders: ['Host', host] },
        judging(network, begun),
      );
      if (chance.isLikely(0.03)) time.after(chance.between(0, 200), leave);
    });
  };
  /** Asks until the purge has converged; what was lost with the journal is not found any more. */
  const follow = (entry: JournalEntry) => {
    const api = network.purgeApi();
    const again = () => void time.after(chance.between(1, 2 * askAgainMs), () => follow(entry));
    if (!api || api.process.isPaused) return again();
    if (!network.journal.entries.some((kept) => kept.entry.hash === entry.hash)) return undefined;
    const { status, nodes } = api.purges.judge(entry);
    if (status !== 'converged') return again();
    const quarantined = nodes.filter((node) => node.quarantined).map(({ node }) => node);
    converged.add(entry.id);
    ledger.converged(entry, time.nowMs());
    history.note(`converged ${entry.seq} ${quarantined.join(' ')}`);
    return assertWithoutLease(network, entry, quarantined);
  };
  const purge = async (selector = chance.pick(selectors), soft = chance.isLikely(0.4)) => {
    const api = network.purgeApi();
    for (const page of pages) if (matches(selector, page)) origin.change(page);
    if (!api || api.process.isPaused) return undefined;
    purges += 1;
    const by = `client ${purges}`;
    ledger.submitted(by, network.versions());
    const command: PurgeCommand = { soft, scope: ['*'], selectors: [selector], by };
    const submitted = await api.purges.submit(command);
    if (submitted.kind !== 'accepted' || !api.process.isAlive) return undefined;
    const { entry } = submitted.recorded;
    ledger.take(network.journal);
    accepted.push(entry);
    history.note(`accepted ${entry.seq} ${soft ? 'soft' : 'hard'} ${JSON.stringify(selector)}`);
    follow(entry);
    return entry;
  };
  const every = (meanMs: number, work: () => void) => {
    const own = turn;
    const next = () =>
      time.after(chance.between(0, 2 * meanMs), () => {
        if (own !== turn) return;
        work();
        next();
      });
    next();
  };
  // The moment at which it matters whether a node has missed something.
  network.onLease((id) => {
    if (!edgePlaces.some((place) => place === id) || chance.isLikely(0.3)) return;
    time.after(chance.between(0, 8), () => clients.readAll([id]));
  });
  const clients: Clients = {
    accepted,
    converged,
    go(readsEachMs, purgesEachMs) {
      every(readsEachMs, () => {
        const running = edgePlaces.flatMap((place) => network.node(place) ?? []);
        read(running[chance.below(running.length)], chance.pick(pages));
      });
      every(purgesEachMs, () => void purge());
      every(3 * purgesEachMs, () => origin.change(chance.pick(pages)));
    },
    readAll(at = edgePlaces) {
      for (const place of at) for (const page of pages) read(network.node(place), page);
    },
    purge,
    stop() {
      turn += 1;
    },
  };
  return clients;
}

/** Whoever counts as quarantined must not hold a lease, or the purge has been declared too early. */
function assertWithoutLease(
  { node, history }: SimulatedNetwork,
  { seq }: JournalEntry,
  quarantined: readonly string[],
): void {
  for (const place of places) {
    if (!quarantined.includes(nodeIdOf(place)) || !node(place)?.isHeld()) continue;
    history.problem(`${place} counts as quarantined and holds a lease (purge ${seq})`);
  }
}

function beginRead(
  network: SimulatedNetwork,
  node: SimulatedNode,
  worker: SimulatedNode['workers'][number],
  page: Page,
): Begun {
  network.ledger.take(network.journal);
  // As `obtain` does at the beginning of a read.
  worker.purges.sync();
  const place = places.find((known) => known === node.place) ?? 'par';
  return {
    node: place,
    page,
    atMs: network.time.nowMs(),
    isHeld: node.isHeld(),
    cursor: worker.purges.index.cursor,
    acknowledged: network.acknowledged(place),
    isSetBack: network.time.nowMs() - network.clocks.setBackAtMs(place) < 10_000,
  };
}

/** Judges the head when it comes, and that the body is the head's. */
function judging({ history, ledger, time }: SimulatedNetwork, begun: Begun): Receiver {
  let version: number | undefined;
  let body = '';
  const said = `${begun.node} ${begun.page} begun ${begun.atMs.toFixed(1)}`;
  return {
    head(status, headers) {
      version = versionOf(headers);
      const cacheStatus = first(headers, 'cache-status') ?? '';
      const xCache = first(headers, 'x-cache') ?? '';
      history.note(`read ${said} ${status} ${version} ${xCache} ${begun.isHeld}`);
      if (status !== 200 || version === undefined) return;
      const answered = {
        version,
        isFresh: xCache !== 'STALE',
        isUnvalidated: xCache === 'STALE' && /no-lease|upstream-error/.test(cacheStatus),
      };
      const problem = judgeRead(begun, answered, ledger);
      if (problem) history.problem(`${said}: ${problem} (${xCache}; ${cacheStatus})`);
    },
    data(piece) {
      body += piece;
    },
    end(isWhole) {
      if (!isWhole || version === undefined || body === `version ${version}`) return;
      if (body !== '') history.problem(`${said}: the body is "${body}" at ${time.nowMs()}`);
    },
  };
}
