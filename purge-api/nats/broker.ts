/**
 * The door of JetStream: one stream of one JetStream account, as the journal needs it. Loaded only where the journal's
 * kind is `nats`.
 *
 * Invariants: every call ends within `requestLimitMs`; nothing is sent while the connection is down, so that no message of
 * ours waits in a buffer for a server that comes back minutes later.
 */
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Clock } from '../../core/runtime/deps.ts';
import type { NatsSettings } from '../../core/topology/journal-schema.ts';
import { connectServers, requestLimitMs, watchConnection } from './connection.ts';

export interface BrokerMessage {
  streamSeq: number;
  subject: string;
  text: string;
}

/** What is published; `id` makes a repetition harmless within two minutes. */
export interface Publication {
  subject: string;
  id: string;
  text: string;
  /** For operators and for consumers that read heads only. */
  seq?: number;
  /** The stream's last number as we know it; the server refuses another. */
  expectedLast: number;
}

export interface StreamBounds {
  firstSeq: number;
  lastSeq: number;
  subjects: readonly string[];
}

/** What a durable consumer is to be moved by. */
export interface HeadOfMessage {
  seq: number;
  acknowledge(): void;
}

export interface Broker {
  readonly version: string;
  /** Whether the server is one of a cluster. */
  readonly isClustered: boolean;
  readonly maxPayloadBytes: number;
  isConnected(): boolean;
  /** Called with each change of `isConnected`. */
  onConnection(listener: (isConnected: boolean) => void): void;
  /** Undefined: there is no such stream. */
  bounds(): Promise<StreamBounds | undefined>;
  create(subjects: string[], replicas: number): Promise<void>;
  get(streamSeq: number): Promise<BrokerMessage | undefined>;
  newest(subject: string): Promise<BrokerMessage | undefined>;
  /** The number that the stream gave it. Rejects with `isOtherWriter` when the stream has moved on. */
  publish(message: Publication): Promise<number>;
  /** Removes every message before `streamSeq`. */
  removeBefore(streamSeq: number): Promise<void>;
  /** Makes the durable consumer, which begins at `startSeq`, or leaves it as it is. */
  addConsumer(name: string, filter: string, startSeq: number, idleMs: number): Promise<void>;
  removeConsumer(name: string): Promise<void>;
  /** The number in the stream up to which the consumer has acknowledged everything. */
  acknowledgedOf(name: string): Promise<number>;
  /** Up to `count` heads of messages that the consumer has not been given. */
  nextOf(name: string, count: number): Promise<HeadOfMessage[]>;
  close(): Promise<void>;
}

/** Error codes of the JetStream API (`server/errors.json` of nats-server). */
const streamNotFound = 10059;
const wrongLastSequence: readonly number[] = [10071, 10164];
const consumerNotFound = 10014;
/** No peers for so many replicas, or a single server that was asked for more than one. */
const noReplicas: readonly number[] = [10005, 10023, 10074];

export const isOtherWriter = (error: unknown): boolean =>
  wrongLastSequence.includes(codeOf(error) ?? 0);
export const isReplicasRefused = (error: unknown): boolean =>
  noReplicas.includes(codeOf(error) ?? 0);

/** Connects; rejects when no server answers or JetStream is not enabled. */
export async function connectBroker(
  clock: Clock,
  settings: NatsSettings,
  name: string,
): Promise<Broker> {
  const connection = await connectServers(settings, name);
  try {
    const manager = await jetstreamManager(connection, { timeout: requestLimitMs });
    const client = jetstream(connection, { timeout: requestLimitMs });
    return createBroker(clock, connection, manager, client, settings.stream);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function createBroker(
  clock: Clock,
  connection: NatsConnection,
  manager: JetStreamManager,
  client: JetStreamClient,
  stream: string,
): Broker {
  const link = watchConnection(connection);
  /** Refuses at once while there is no connection. */
  const online = async <T>(run: () => Promise<T>): Promise<T> => {
    if (!link.isConnected()) throw new Error('nats-server is not connected');
    return run();
  };
  const consumers = createConsumers(clock, manager, client, stream, online);
  const server = connection.info;
  return {
    version: server?.version ?? 'unknown',
    isClustered: server?.cluster !== undefined,
    maxPayloadBytes: server?.max_payload ?? 2 ** 20,
    isConnected: link.isConnected,
    onConnection: link.onConnection,
    bounds: () =>
      online(async () => {
        const found = await orUndefined(streamNotFound, manager.streams.info(stream));
        if (!found) return undefined;
        const { state, config } = found;
        return { firstSeq: state.first_seq, lastSeq: state.last_seq, subjects: config.subjects };
      }),
    create: (subjects, replicas) =>
      online(async () => {
        await manager.streams.add(streamConfig(stream, subjects, replicas));
      }),
    get: (seq) => online(async () => messageOf(await manager.streams.getMessage(stream, { seq }))),
    newest: (subject) =>
      online(async () =>
        messageOf(await manager.streams.getMessage(stream, { last_by_subj: subject })),
      ),
    publish: (message) => online(() => publish(client, message)),
    removeBefore: (seq) =>
      online(async () => {
        await manager.streams.purge(stream, { seq });
      }),
    ...consumers,
    close: () => connection.close(),
  };
}

function streamConfig(name: string, subjects: string[], replicas: number) {
  return {
    name,
    subjects,
    description: 'The journal of purges of Breakwater. Only purge-api writes and removes.',
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    // A full stream must refuse: silently dropping the oldest entries would be a loss that nobody hears of.
    discard: DiscardPolicy.New,
    duplicate_window: nanos(120_000),
    deny_delete: true,
  };
}

async function publish(client: JetStreamClient, message: Publication): Promise<number> {
  const head = headers();
  // Written out here, because the client leaves an expected 0 away, which says "the stream is empty".
  head.set('Nats-Expected-Last-Sequence', String(message.expectedLast));
  if (message.seq !== undefined) head.set('Breakwater-Seq', String(message.seq));
  const options = { msgID: message.id, headers: head, timeout: requestLimitMs };
  const { seq } = await client.publish(message.subject, message.text, options);
  return seq;
}

function createConsumers(
  clock: Clock,
  manager: JetStreamManager,
  client: JetStreamClient,
  stream: string,
  online: <T>(run: () => Promise<T>) => Promise<T>,
) {
  return {
    addConsumer: (name: string, filter: string, startSeq: number, idleMs: number) =>
      online(async () => {
        if (await orUndefined(consumerNotFound, manager.consumers.info(stream, name))) return;
        await manager.consumers.add(stream, {
          durable_name: name,
          filter_subject: filter,
          ack_policy: AckPolicy.All,
          // We acknowledge at once; what a broken move has left is given again soon.
          ack_wait: nanos(2000),
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: startSeq,
          headers_only: true,
          inactive_threshold: nanos(idleMs),
        });
      }),
    removeConsumer: (name: string) =>
      online(async () => {
        await orUndefined(consumerNotFound, manager.consumers.delete(stream, name));
      }),
    acknowledgedOf: (name: string) =>
      online(async () => {
        const { ack_floor: acknowledged, config } = await manager.consumers.info(stream, name);
        // One that has been given nothing yet says 0, wherever it begins.
        return Math.max(acknowledged.stream_seq, (config.opt_start_seq ?? 1) - 1);
      }),
    nextOf: (name: string, count: number) =>
      online(async () => {
        const consumer = await client.consumers.get(stream, name);
        const messages = await consumer.fetch({ max_messages: count, expires: requestLimitMs });
        // A fetch that has lost what it waits for does not always end by itself.
        const limit = clock.after(2 * requestLimitMs, () => messages.stop());
        const heads: HeadOfMessage[] = [];
        for await (const message of messages) {
          const seq = Number(message.headers?.get('Breakwater-Seq') ?? 0);
          heads.push({ seq, acknowledge: () => message.ack() });
        }
        limit.cancel();
        return heads;
      }),
  };
}

function messageOf(
  stored: { seq: number; subject: string; string(): string } | null,
): BrokerMessage | undefined {
  if (!stored) return undefined;
  return { streamSeq: stored.seq, subject: stored.subject, text: stored.string() };
}

function codeOf(error: unknown): number | undefined {
  const { code } = error as Partial<JetStreamApiError>;
  return typeof code === 'number' ? code : undefined;
}

/** What the call answers; undefined where it fails with this code. */
async function orUndefined<T>(code: number, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === code) return undefined;
    throw error;
  }
}
