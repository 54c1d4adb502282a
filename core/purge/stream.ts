/**
 * A node's one outbound connection to purge-api: says hello, renews every third of the lease, answers questions, and
 * hands every valid message up. It knows the wire and nothing of the journal; that is `subscriber.ts`.
 *
 * Invariants: `hello` is the first message of every connection and carries the position at that moment; a message that
 * does not fit the contract ends the connection; nothing is delivered from a connection that has been given up.
 */
import { formatHostPort } from '../runtime/addresses.ts';
import { type Clock, every, type Random } from '../runtime/deps.ts';
import {
  type DialDuplex,
  type Duplex,
  type DuplexHandlers,
  dialDuplex,
} from '../runtime/duplex.ts';
import type { Log } from '../runtime/log.ts';
import { deriveKey } from '../topology/load.ts';
import { findNode, reachOf } from '../topology/nodes.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import {
  type DownMessage,
  downMessageSchema,
  type NodeHealth,
  nodeKeyPurpose,
  nodeScheme,
  type Position,
  protocolVersion,
  streamPath,
  type UpMessage,
} from './command.ts';

/** What purge-api may ask of a node. */
export type RequestKind = Extract<DownMessage, { type: 'request' }>['what'];

/** A node as it presents itself on its stream. */
export interface StreamNode {
  id: string;
  role: 'edge' | 'shield' | 'dns';
}

export interface NodeStreamDeps {
  clock: Clock;
  random: Random;
  log: Log;
  /** Default: WebSocket. */
  dial?: DialDuplex;
}

export interface NodeStreamOptions {
  topology: TopologyWithSecret;
  node: StreamNode;
  /** Random for each process start. */
  instance: string;
  /** Earlier instances of the node that are dead for certain. */
  succeeds?: readonly string[];
  /** Whether purge-api sends `view` messages. */
  wantsView: boolean;
  /** What ALL workers and the disk have applied; null: the node holds nothing. Asked at `hello` and at each renewal. */
  position: () => Position | null;
  health: () => NodeHealth;
  onMessage(message: DownMessage): void;
  /** The renewal `version` is about to be put together and sent; 0: the hello of a new connection. */
  onRenewal?(version: number): void;
  /** Answers a question; a rejection is sent as `ok: false` with its message. */
  onRequest(what: RequestKind, body: unknown): Promise<unknown>;
  /** The hash of the configuration now in force; default: of `topology`. Give it where a reload changes it. */
  topologyHash?: () => string;
  onConnected?(): void;
  onDisconnected?(reason: string): void;
  /** With which the node signs its acknowledgements. */
  publicKey?: string;
}

export interface NodeStream {
  /** False when there is no connection; the message is then gone. */
  send(message: UpMessage): boolean;
  /** Renews at once: for a change of health that others should not wait for. */
  renewNow(): void;
  isConnected(): boolean;
  /** Gives this connection up and dials again, which says hello with the position of that moment. */
  reconnect(reason: string): void;
  /** Says goodbye and ends the connection for good. */
  stop(): void;
}

/** Longest `problem` sent to purge-api. */
const maxProblemLength = 500;

/** Opens the stream of `options.node`; dials again with back-off until `stop`. */
export function openNodeStream(deps: NodeStreamDeps, options: NodeStreamOptions): NodeStream {
  const { clock, dial = dialDuplex } = deps;
  const { topology, node } = options;
  let current: Duplex | undefined;
  let version = 0;
  const report = createReporter(deps.log);

  const send = (message: UpMessage) => current?.send(message) ?? false;
  const renewNow = () => {
    if (!current) return;
    version += 1;
    options.onRenewal?.(version);
    send({ type: 'renew', version, ...stateOf(options) });
  };
  const reconnect = (reason: string) => {
    const abandoned = current;
    current = undefined;
    if (!abandoned) return;
    abandoned.close(reason);
    options.onDisconnected?.(reason);
  };
  const receive = (raw: unknown) => {
    const parsed = downMessageSchema.safeParse(raw);
    if (!parsed.success) {
      report.problem(`message not understood: ${parsed.error.message.slice(0, 200)}`);
      return reconnect('message not understood');
    }
    const message = parsed.data;
    if (message.type === 'request') return void answer(options, message).then(send);
    if (message.type === 'refused') report.problem(`refused: ${message.reason}`);
    if (message.type === 'welcome') report.up(message);
    options.onMessage(message);
  };
  const open = (duplex: Duplex): DuplexHandlers => {
    current = duplex;
    options.onRenewal?.(0);
    duplex.send(helloOf(options));
    options.onConnected?.();
    return {
      onMessage(raw) {
        if (duplex === current) receive(raw);
      },
      onClose(reason) {
        if (duplex !== current) return;
        current = undefined;
        report.problem(reason);
        options.onDisconnected?.(reason);
      },
    };
  };

  const dialler = dial(deps, {
    url: () => urlOf(topology),
    headers: { authorization: `${nodeScheme} ${node.id} ${keyOf(topology, node.id)}` },
    onOpen: open,
    onFailure: report.problem,
  });
  const renewals = every(clock, topology.leaseMs / 3, renewNow);
  return {
    send,
    renewNow,
    isConnected: () => current !== undefined,
    reconnect,
    stop() {
      renewals.cancel();
      send({ type: 'goodbye' });
      current = undefined;
      dialler.stop('goodbye');
    },
  };
}

function urlOf(topology: TopologyWithSecret): string | undefined {
  const reach = reachOf(topology, findNode(topology, topology.purge.id));
  return reach && `ws://${formatHostPort(reach)}${streamPath}`;
}

function keyOf(topology: TopologyWithSecret, nodeId: string): string {
  return deriveKey(topology.secret, nodeKeyPurpose(nodeId));
}

function stateOf({ position, health, topologyHash, topology }: NodeStreamOptions) {
  return {
    position: position(),
    health: health(),
    topologyHash: topologyHash?.() ?? topology.hash,
  };
}

function helloOf(options: NodeStreamOptions): UpMessage {
  const { node, instance, succeeds = [], wantsView, publicKey } = options;
  return {
    type: 'hello',
    protocol: protocolVersion,
    node: node.id,
    role: node.role,
    instance,
    succeeds: [...succeeds],
    wantsView,
    ...stateOf(options),
    ...(publicKey && { publicKey }),
  };
}

async function answer(
  { onRequest }: NodeStreamOptions,
  { request, what, body }: Extract<DownMessage, { type: 'request' }>,
): Promise<UpMessage> {
  try {
    return { type: 'reply', request, ok: true, body: await onRequest(what, body) };
  } catch (error) {
    const problem = (error as Error).message.slice(0, maxProblemLength);
    return { type: 'reply', request, ok: false, body: { problem } };
  }
}

/** Says each change once: a purge-api that is away for hours is one line, not one for each attempt. */
function createReporter(log: Log) {
  let last: string | undefined;
  return {
    problem(problem: string) {
      if (problem !== last) log.warn({ problem }, 'no stream to purge-api');
      last = problem;
    },
    up({ head, resume, reason }: Extract<DownMessage, { type: 'welcome' }>) {
      last = undefined;
      log.info({ head: head.seq, resume, reason }, 'stream to purge-api is up');
    },
  };
}
