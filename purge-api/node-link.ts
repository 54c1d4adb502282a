/**
 * One node's connection, from `hello` to its end: welcomes it at its position, feeds it the journal, and takes what it says,
 * one message at a time, in order.
 *
 * Invariants: nothing is taken before `hello`; an acknowledgement counts only if the journal holds its position; a message
 * that does not fit the contract ends the connection.
 */
import type { UpMessage } from '../core/purge/command.ts';
import { upMessageSchema } from '../core/purge/command.ts';
import { assertNever, type Clock } from '../core/runtime/deps.ts';
import type { Duplex, DuplexHandlers } from '../core/runtime/duplex.ts';
import type { Log } from '../core/runtime/log.ts';
import { createFeed, type Feed } from './feed.ts';
import { type Journal, judgePosition } from './journal.ts';
import type { Leases } from './leases.ts';
import type { PurgeMetrics } from './metrics.ts';
import type { NodeRegistry } from './node-registry.ts';
import type { Witness } from './witness.ts';

export type Hello = Extract<UpMessage, { type: 'hello' }>;
export type AppendMessage = Extract<UpMessage, { type: 'append' }>;
export type Ack = Extract<UpMessage, { type: 'ack' }>;
export type Reply = Extract<UpMessage, { type: 'reply' }>;

export interface LinkDeps {
  clock: Clock;
  log: Log;
  metrics: PurgeMetrics;
  journal: Journal;
  registry: NodeRegistry;
  leases: Leases;
  /** Knows the keys of the nodes; without it nothing that is signed is checked. */
  witness?: Witness;
}

export interface LinkEvents {
  /** Why this hello is refused; undefined: it is not, and the link now speaks for the node. */
  admit(hello: Hello, link: NodeLink): string | undefined;
  /** The node has seen entries that the journal lacks. Resolves when every link begins anew. */
  onLost(reason: string): Promise<void>;
  /** The node's position has been judged; if entries were lost, the journal has its new identity by now. */
  onPositionSaid(nodeId: string): void;
  /** A DNS server has connected, and can be asked. */
  onDnsWelcomed(nodeId: string): void;
  /** A caching node has asked for its lease. */
  onAsked(link: NodeLink): void;
  onAcknowledged(link: NodeLink): void;
  onReply(reply: Reply): void;
  onAppend(nodeId: string, message: AppendMessage): Promise<AppendAnswer>;
  onClosed(link: NodeLink): void;
}

export type AppendAnswer = { ok: true; id: string; seq: number } | { ok: false; problem: string };

export interface NodeLink {
  /** Undefined before `hello`. */
  readonly hello: Hello | undefined;
  readonly duplex: Duplex;
  readonly feed: Feed;
  readonly handlers: DuplexHandlers;
  /** Tells a caching node to count everything it holds as purged, and goes on from the head. */
  reset(reason: string): void;
  /** Ends the connection; `cause` is the metric label, `reason` what the peer is told. */
  end(cause: string, reason: string): void;
}

/** Messages of one node that may wait for one another. */
const maxWaitingMessages = 1000;
/** A refused node hears why, and is let go after this long, so that it does not dial in a tight loop. */
const refusalHoldMs = 1000;

/** What the functions of this file share of one connection. */
interface LinkState {
  readonly deps: LinkDeps;
  readonly nodeId: string;
  readonly duplex: Duplex;
  readonly events: LinkEvents;
  readonly feed: Feed;
  hello: Hello | undefined;
  isOpen: boolean;
}

/** Wraps a connection whose node id is authenticated already. */
export function createNodeLink(
  deps: LinkDeps,
  nodeId: string,
  duplex: Duplex,
  events: LinkEvents,
): NodeLink {
  let waitingMessages = 0;
  let tail: Promise<void> = Promise.resolve();
  const end = (cause: string, reason: string) => endLink(state, cause, reason);
  const feed = createFeed({
    journal: deps.journal,
    clock: deps.clock,
    send: (message) => duplex.send(message),
    fail: (reason) => end('feed', reason),
    onSent: deps.metrics.entriesSent,
  });
  const state: LinkState = {
    deps,
    nodeId,
    duplex,
    events,
    feed,
    hello: undefined,
    isOpen: true,
  };
  const receive = (raw: unknown) => {
    const parsed = upMessageSchema.safeParse(raw);
    if (!parsed.success) return end('protocol', 'a message that this version does not understand');
    if (waitingMessages >= maxWaitingMessages) return end('flood', 'too many messages at once');
    waitingMessages += 1;
    tail = tail
      .then(() => take(state, link, parsed.data))
      .catch((error: unknown) => end('internal', (error as Error).message))
      .finally(() => {
        waitingMessages -= 1;
      });
  };
  const link: NodeLink = {
    get hello() {
      return state.hello;
    },
    duplex,
    feed,
    handlers: {
      onMessage: receive,
      onClose() {
        state.isOpen = false;
        feed.stop();
        events.onClosed(link);
      },
    },
    reset: (reason) => resetLink(state, reason),
    end,
  };
  return link;
}

/** One message at a time; what comes before `hello`, or after the end, is not taken. */
async function take(state: LinkState, link: NodeLink, message: UpMessage): Promise<void> {
  const { deps, nodeId, events } = state;
  const { registry } = deps;
  if (!state.isOpen) return;
  if (message.type === 'hello') return welcome(state, link, message);
  if (!state.hello) return endLink(state, 'protocol', 'the first message was no hello');
  switch (message.type) {
    case 'renew':
      registry.renewed(nodeId, message);
      deps.leases.asked(nodeId, state.hello.instance, message.version);
      return events.onAsked(link);
    case 'ack':
      return acknowledge(state, link, message);
    case 'matched':
      deps.witness?.matched(nodeId, message.seq, message.responses);
      return registry.matched(nodeId, message.seq, message.responses);
    case 'reply':
      return events.onReply(message);
    case 'append':
      // Not awaited: the sync of the device must not hold up the acknowledgements behind it.
      return void append(state, message);
    case 'goodbye':
      deps.leases.ended(nodeId, state.hello.instance);
      return registry.goodbye(nodeId);
    default:
      return assertNever(message);
  }
}

async function welcome(state: LinkState, link: NodeLink, hello: Hello): Promise<void> {
  const { deps, nodeId, duplex, events, feed } = state;
  const { journal, registry, metrics } = deps;
  if (state.hello) return endLink(state, 'protocol', 'a second hello');
  const problem = refusalOf(state, hello) ?? events.admit(hello, link);
  if (problem !== undefined) return refuse(state, problem);
  state.hello = hello;
  deps.witness?.admitted(hello);
  registry.hello(hello);
  deps.leases.hello(nodeId, hello.instance, hello.succeeds);
  deps.leases.asked(nodeId, hello.instance, 0);
  metrics.streamOpened();
  // geo-dns stores no responses, so it has no use for the journal.
  if (hello.role === 'dns') {
    duplex.send({ type: 'welcome', head: journal.head(), resume: 'follow' });
    events.onDnsWelcomed(nodeId);
    return;
  }
  const holds = hello.position !== null && (await journal.holds(hello.position));
  const bounds = { head: journal.head(), floor: journal.floor() };
  const standing = judgePosition(hello.position, holds, bounds);
  if (standing.kind === 'lost') await events.onLost(`${nodeId}: ${standing.reason}`);
  events.onPositionSaid(nodeId);
  // What was lost is lost, whoever has said it; but nobody is welcomed who is gone.
  if (standing.kind === 'lost' || !state.isOpen) return;
  if (standing.kind === 'reset') return resetLink(state, standing.reason);
  registry.find(nodeId)?.acks.begin(standing.position);
  journal.acknowledged?.(nodeId, standing.position.seq);
  duplex.send({ type: 'welcome', head: bounds.head, resume: 'follow' });
  feed.begin(standing.position);
  events.onAcknowledged(link);
}

function refusalOf({ nodeId, deps }: LinkState, hello: Hello): string | undefined {
  return hello.node === nodeId ? deps.witness?.refusalOf(hello) : `this is not ${hello.node}`;
}

async function acknowledge(state: LinkState, link: NodeLink, ack: Ack): Promise<void> {
  const { deps, nodeId, events, feed, hello } = state;
  const { journal, registry } = deps;
  const { position, appliedAtMs } = ack;
  if (hello && deps.witness?.isGenuine(hello, ack) === false) {
    return endLink(state, 'signature', 'an acknowledgement is not signed with the key of the node');
  }
  const holds = await journal.holds(position);
  // An acknowledgement that was under way when the journal got a new identity says nothing of the new one.
  if (position.identity !== journal.head().identity) return;
  // While the journal was asked another process may have said hello, for which this one does not speak.
  if (!state.isOpen) return;
  if (!holds) {
    return endLink(state, 'position', `the position ${position.seq} is not in the journal`);
  }
  registry.acknowledged(nodeId, position, appliedAtMs);
  if (hello) deps.witness?.acknowledged(hello, ack);
  journal.acknowledged?.(nodeId, position.seq);
  feed.acknowledged(position.seq);
  events.onAcknowledged(link);
}

async function append({ nodeId, duplex, events }: LinkState, message: AppendMessage) {
  const answer = await events.onAppend(nodeId, message);
  duplex.send({ type: 'appended', request: message.request, ...answer });
}

function resetLink({ deps, nodeId, duplex, feed, hello }: LinkState, reason: string): void {
  if (!hello || hello.role === 'dns') return;
  const { journal, registry, metrics } = deps;
  registry.find(nodeId)?.acks.clear();
  metrics.nodeReset();
  const head = journal.head();
  duplex.send({ type: 'welcome', head, resume: 'reset', reason });
  feed.begin(head);
}

function refuse(state: LinkState, reason: string): void {
  const { deps, nodeId, duplex } = state;
  state.isOpen = false;
  deps.metrics.streamEnded('refused');
  deps.log.warn({ peer: nodeId, reason }, 'stream refused');
  duplex.send({ type: 'refused', reason });
  deps.clock.after(refusalHoldMs, () => duplex.close('refused'));
}

function endLink(state: LinkState, cause: string, reason: string): void {
  if (!state.isOpen) return;
  state.isOpen = false;
  state.deps.log.warn({ peer: state.nodeId, reason }, 'stream ended');
  state.deps.metrics.streamEnded(cause);
  state.duplex.close(reason.slice(0, 100));
}
