/** The door of the NATS client: a connection that is never given up, and what is known of its state. */
import {
  AuthorizationError,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
} from '@nats-io/transport-node';
import type { NatsSettings } from '../../core/topology/journal-schema.ts';

/** Of one request to the server. */
export const requestLimitMs = 1500;
const reconnectMs = 200;

/** It will be refused again: somebody has to change something first. */
export class BrokerRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BrokerRefusal';
  }
}

export const isRefusal = (error: unknown): boolean =>
  error instanceof BrokerRefusal || error instanceof AuthorizationError;

/** Rejects when no server answers. A connection that is lost later is looked for without end. */
export function connectServers(settings: NatsSettings, name: string): Promise<NatsConnection> {
  return connect(connectionOptions(settings, name));
}

function connectionOptions(settings: NatsSettings, name: string): ConnectionOptions {
  const { servers, user, password, token, credentials, tls } = settings;
  return {
    servers,
    name,
    timeout: requestLimitMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMs,
    reconnectJitter: reconnectMs,
    // Credentials may be mended while we run; giving up would need a restart.
    ignoreAuthErrorAbort: true,
    pingInterval: 5000,
    maxPingOut: 2,
    ...(user !== undefined && { user, pass: password ?? '' }),
    ...(token !== undefined && { token }),
    ...(credentials !== undefined && {
      authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
    }),
    ...(tls && {
      tls: {
        ...(tls.ca !== undefined && { ca: tls.ca }),
        ...(tls.certificate !== undefined && { cert: tls.certificate }),
        ...(tls.key !== undefined && { key: tls.key }),
      },
    }),
  };
}

/** Follows the state of the connection, which its own methods do not tell. */
export function watchConnection(connection: NatsConnection) {
  let isConnected = true;
  const listeners: ((isConnected: boolean) => void)[] = [];
  const set = (now: boolean) => {
    if (now === isConnected) return;
    isConnected = now;
    for (const listener of listeners) listener(now);
  };
  const follow = async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'close') set(false);
      if (type === 'reconnect') set(true);
    }
    set(false);
  };
  void follow();
  return {
    isConnected: () => isConnected,
    onConnection: (listener: (isConnected: boolean) => void) => void listeners.push(listener),
  };
}
