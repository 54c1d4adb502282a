/**
 * The public listener: UDP and TCP on one address and port (RFC 7766 §5: a server supports both).
 */
import { formatHostPort, type HostPort } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Respond } from './respond.ts';
import { defaultTcpLimits, listenTcp, type TcpLimits } from './tcp-listener.ts';
import { type ListenerDeps, listenUdp } from './udp-listener.ts';

/** With port 0 the system chooses a UDP port, which for TCP may be taken; then another one is tried. */
const bindAttempts = 10;

export interface DnsServer {
  /** `host:port` as bound. */
  readonly bound: string;
  readonly tcpConnections: number;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface ServerOptions {
  listen: HostPort;
  respond: Respond;
  tcp?: Partial<TcpLimits>;
  /** Other threads listen on the same port; the system spreads queries and connections over them. */
  sharesPort?: boolean;
}

/** Binds both; rejects with the system's error, nothing left open. */
export async function startServer(
  deps: ListenerDeps & { clock: Clock },
  { listen, respond, tcp: changed = {}, sharesPort = false }: ServerOptions,
): Promise<DnsServer> {
  const limits = { ...defaultTcpLimits, ...changed };
  for (let attempt = 1; ; attempt += 1) {
    const udp = await listenUdp(deps, listen, respond, sharesPort);
    const at = { host: listen.host, port: udp.port };
    try {
      const tcp = await listenTcp(deps, at, respond, limits, sharesPort);
      let closing: Promise<unknown> | undefined;
      return {
        bound: formatHostPort(at),
        get tcpConnections() {
          return tcp.connections;
        },
        async close() {
          closing ??= Promise.all([udp.close(), tcp.close()]);
          await closing;
        },
      };
    } catch (error) {
      await udp.close();
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || listen.port !== 0 || attempt >= bindAttempts) throw error;
    }
  }
}
