/**
 * The streams of all nodes: one live connection an id, the journal to each at its own pace, the view to those who want it,
 * questions and their answers.
 *
 * Invariants: a second live instance of an id is refused; an instance that has not been heard of for a lease counts as
 * dead; a node that reads or acknowledges too slowly is cut, and catches up after it has dialled again.
 */
import { type DownMessage, protocolVersion } from '../core/purge/command.ts';
import { every, type Random, type Timer } from '../core/runtime/deps.ts';
import type { Duplex, DuplexHandlers } from '../core/runtime/duplex.ts';
import {
  type AppendAnswer,
  type AppendMessage,
  createNodeLink,
  type Hello,
  type LinkDeps,
  type NodeLink,
  type Reply,
} from './node-link.ts';
import type { StartGate } from './start-gate.ts';

export interface FanOutDeps extends LinkDeps {
  random: Random;
  gate: StartGate;
}

export interface FanOutOptions {
  /** Some node has acknowledged more than before, or is quarantined. */
  onAcknowledged(): void;
  onAppend(nodeId: string, message: AppendMessage): Promise<AppendAnswer>;
  /** A DNS server has connected, and can be asked. */
  onDnsWelcomed(nodeId: string): void;
}

export type RequestKind = Extract<DownMessage, { type: 'request' }>['what'];

export interface Answer {
  ok: boolean;
  body: unknown;
}

export interface FanOut {
  /** Takes a connection of the node `nodeId`, which has shown its key. */
  accept(duplex: Duplex, nodeId: string): DuplexHandlers;
  /** The journal has grown. */
  publish(): void;
  /** What a view shows has changed; sent soon, together with other changes. */
  viewChanged(): void;
  /** Everybody begins anew: the journal's identity has changed. */
  resetAll(reason: string): void;
  /** Asks one node; `ok: false` when it is not connected or does not answer in time. */
  ask(nodeId: string, what: RequestKind, body: unknown, timeoutMs: number): Promise<Answer>;
  connectedIds(): string[];
  /** Ends the streams of nodes that the configuration no longer has. */
  dropUnknown(): void;
  stop(): void;
}

/** Changes within this time share one view. */
const viewDelayMs = 50;
/** Entries unacknowledged for this long: the node is cut. */
const stallLimitMs = 30_000;
const stallCheckMs = 1000;
const leaseCheckMs = 100;
/** A connection that says no hello for this long is cut. */
const helloLimitMs = 5000;
/** Questions that may wait for answers. */
const maxQuestions = 1000;

/** Creates the fan-out with no node connected. */
export function createFanOut(deps: FanOutDeps, options: FanOutOptions): FanOut {
  const { clock, registry } = deps;
  const links = new Map<string, NodeLink>();
  const questions = createQuestions(deps);
  const view = createViewSender(deps, links);

  const admit = (hello: Hello, link: NodeLink): string | undefined => {
    const problem = refusalOf(deps, hello, links.get(hello.node));
    if (problem !== undefined) return problem;
    links.get(hello.node)?.end('replaced', 'replaced by a newer connection');
    links.set(hello.node, link);
    if (hello.wantsView) view.sendTo(link);
    return undefined;
  };
  const resetAll = (reason: string) => {
    deps.witness?.followJournal();
    for (const link of links.values()) link.reset(reason);
  };
  const events = {
    admit,
    onPositionSaid(nodeId: string) {
      const wasOpen = isOpen(deps.gate);
      deps.gate.heard(nodeId);
      // It was the last that was missing: now all may have what they have asked for.
      if (!wasOpen && isOpen(deps.gate)) grantAll();
    },
    onAsked: (link: NodeLink) => grantLease(deps, link),
    onAcknowledged(link: NodeLink) {
      grantLease(deps, link);
      options.onAcknowledged();
    },
    onAppend: options.onAppend,
    onDnsWelcomed: options.onDnsWelcomed,
    onReply: questions.settle,
    async onLost(reason: string) {
      deps.metrics.identityRenewed();
      await deps.journal.renewIdentity(reason);
      resetAll(`entries of the journal were lost (${reason})`);
    },
    onClosed(link: NodeLink) {
      const id = link.hello?.node;
      if (id === undefined || links.get(id) !== link) return;
      links.delete(id);
      registry.disconnected(id);
      questions.abandon(id);
    },
  };
  const grantAll = () => {
    for (const link of links.values()) grantLease(deps, link);
    options.onAcknowledged();
  };
  const leaseCheck = createLeaseCheck(deps, () => {
    grantAll();
    view.changed();
  });
  const stallCheck = every(clock, stallCheckMs, () => {
    for (const link of links.values()) {
      if (link.feed.stalledMs() > stallLimitMs) link.end('slow', 'acknowledges too slowly');
    }
  });
  return {
    accept(duplex, nodeId) {
      const link = createNodeLink(deps, nodeId, duplex, events);
      clock.after(helloLimitMs, () => {
        if (!link.hello) link.end('protocol', 'no hello');
      });
      return link.handlers;
    },
    publish() {
      for (const link of links.values()) link.feed.pump();
    },
    viewChanged: view.changed,
    resetAll,
    ask(nodeId, what, body, timeoutMs) {
      return questions.ask(links.get(nodeId), what, body, timeoutMs);
    },
    connectedIds: () => [...links.keys()],
    dropUnknown() {
      for (const [id, link] of links) {
        if (!registry.find(id)) link.end('refused', 'the configuration has no such node any more');
      }
    },
    stop() {
      stallCheck.cancel();
      leaseCheck.cancel();
      view.stop();
      for (const link of links.values()) link.feed.stop();
    },
  };
}

/** Why `hello` cannot be admitted; undefined: it can. */
function refusalOf(
  { clock, registry, leases }: FanOutDeps,
  hello: Hello,
  live: NodeLink | undefined,
): string | undefined {
  const record = registry.find(hello.node);
  if (hello.protocol !== protocolVersion) {
    return `speaks version ${hello.protocol} of the protocol, purge-api ${protocolVersion}: run the same release`;
  }
  if (!record) return `the configuration of purge-api has no node "${hello.node}"`;
  if (record.summary.role !== hello.role) {
    return `"${hello.node}" is a node of the role ${record.summary.role}, not ${hello.role}`;
  }
  const other = live?.hello?.instance;
  const isSecond =
    other !== undefined && other !== hello.instance && !hello.succeeds.includes(other);
  if (isSecond && record.heardAt && !leases.hasLapsed(record.heardAt)) {
    const silentMs = clock.monotonicMs() - record.heardAt.monotonicMs;
    return `another process runs as "${hello.node}" and was heard ${Math.round(silentMs)} ms ago`;
  }
  return undefined;
}

const isOpen = (gate: StartGate) => gate.waitingFor().length === 0;

/** A node that is so far behind gets its first lease later; purges need not wait for it meanwhile. */
const maxLagEntries = 1000;

/** Gives the lease that the node has asked for last, if it may have it. */
function grantLease({ gate, journal, leases, registry }: FanOutDeps, link: NodeLink): void {
  const { hello } = link;
  if (!hello || hello.role === 'dns' || !isOpen(gate)) return;
  const { node, instance } = hello;
  const version = leases.askedBy(node);
  const head = journal.head();
  const acknowledged = registry.find(node)?.acks.position;
  if (version === undefined || acknowledged?.identity !== head.identity) return;
  if (head.seq - acknowledged.seq > maxLagEntries && !leases.mayHold(node, instance)) return;
  // First in the book: what is declared from here on waits for this node, whatever becomes of the message.
  leases.granted(node);
  link.duplex.send({ type: 'lease', version, head, leaseMs: leases.leaseMs });
}

/** Looks who has become quarantined by the time alone, and whether the start gate has opened by it. */
function createLeaseCheck({ clock, gate, registry }: FanOutDeps, onChange: () => void): Timer {
  const standing = () => {
    const awaited = registry.progress();
    const quarantined = awaited.filter(({ isQuarantined }) => isQuarantined);
    return `${isOpen(gate)} ${awaited.length} ${quarantined.map(({ node }) => node).join(' ')}`;
  };
  let last = standing();
  return every(clock, leaseCheckMs, () => {
    const next = standing();
    if (next === last) return;
    last = next;
    onChange();
  });
}

/** Sends the view to those who want it, at most once every `viewDelayMs`. */
function createViewSender({ clock, registry }: FanOutDeps, links: ReadonlyMap<string, NodeLink>) {
  const epochMs = clock.nowMs();
  let version = 0;
  let timer: Timer | undefined;
  const message = () => {
    version += 1;
    return { type: 'view' as const, epochMs, version, nodes: registry.view() };
  };
  return {
    sendTo: (link: NodeLink) => void link.duplex.send(message()),
    changed() {
      timer ??= clock.after(viewDelayMs, () => {
        timer = undefined;
        const view = message();
        for (const link of links.values()) {
          if (link.hello?.wantsView) link.duplex.send(view);
        }
      });
    },
    stop: () => timer?.cancel(),
  };
}

interface Question {
  nodeId: string;
  resolve(answer: Answer): void;
  timer: Timer;
}

/** Questions under way, by their number. */
function createQuestions({ clock, random }: FanOutDeps) {
  const open = new Map<string, Question>();
  const finish = (request: string, answer: Answer) => {
    const question = open.get(request);
    if (!question) return;
    open.delete(request);
    question.timer.cancel();
    question.resolve(answer);
  };
  const failure = (problem: string): Answer => ({ ok: false, body: { problem } });
  return {
    ask(
      link: NodeLink | undefined,
      what: RequestKind,
      body: unknown,
      timeoutMs: number,
    ): Promise<Answer> {
      const nodeId = link?.hello?.node;
      if (!link || nodeId === undefined) return Promise.resolve(failure('not connected'));
      if (open.size >= maxQuestions) return Promise.resolve(failure('too many open questions'));
      const request = random.hex(8);
      return new Promise((resolve) => {
        const timer = clock.after(timeoutMs, () =>
          finish(request, failure(`no answer within ${timeoutMs} ms`)),
        );
        open.set(request, { nodeId, resolve, timer });
        if (!link.duplex.send({ type: 'request', request, what, body })) {
          finish(request, failure('not connected'));
        }
      });
    },
    settle: ({ request, ok, body }: Reply) => finish(request, { ok, body }),
    abandon(nodeId: string) {
      for (const [request, question] of open) {
        if (question.nodeId === nodeId) finish(request, failure('the connection broke'));
      }
    },
  };
}
