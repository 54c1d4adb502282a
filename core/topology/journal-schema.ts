/** The key `purge.journal`: where purges are recorded, and how a NATS server is reached. */
import { z } from 'zod';
import { duration, secretText } from './units.ts';

const stream = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected a name of letters, digits, "-" and "_"');

const server = z
  .string()
  .regex(
    /^(nats:\/\/|tls:\/\/)?(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/,
    'expected HOST:PORT or nats://HOST:PORT of a NATS server, without user or password',
  );

/** Keys that mean nothing to SQLite. */
const ofNats = [
  'servers',
  'stream',
  'replicas',
  'user',
  'password',
  'token',
  'credentials',
  'tls',
  'monitor',
] as const;

export const journalSchema = z
  .strictObject({
    /** `sqlite`: one file on purge-api's machine. `nats`: a JetStream stream, which may have replicas on several. */
    kind: z.enum(['sqlite', 'nats']).default('sqlite'),
    /** How long entries are kept; a node that was away for longer starts empty. */
    retention: duration.default(30 * 86400e3),
    /** NATS servers, any of which may be asked. */
    servers: z.array(server).min(1, 'name at least one server').optional(),
    /** The stream; made when there is none. Default: `breakwater-NETWORK`. */
    stream: stream.optional(),
    /** Copies of the stream. Default: 3 in a cluster, 1 at a single server. */
    replicas: z.number().int().min(1).max(5).optional(),
    user: z.string().min(1).optional(),
    password: secretText.optional(),
    token: secretText.optional(),
    /** The content of a credentials file (JWT and seed), such as `file:purge.creds`. */
    credentials: secretText.optional(),
    /** TLS to the servers; the parts are texts in PEM. `{}` trusts the system's authorities. */
    tls: z
      .strictObject({
        ca: secretText.optional(),
        certificate: secretText.optional(),
        key: secretText.optional(),
      })
      .optional(),
    /** The monitoring address of a server; tells whether it syncs at each write. */
    monitor: z.url({ protocol: /^https?$/, error: 'expected http://HOST:PORT' }).optional(),
  })
  .superRefine((value, context) => {
    for (const [path, message] of problemsOf(value)) {
      context.addIssue({ code: 'custom', path: [path], message });
    }
  })
  .prefault({})
  .transform(({ retention, ...rest }) => ({ ...rest, retentionMs: retention }));

export type JournalConfig = z.output<typeof journalSchema>;

/** What the NATS journal connects by; secrets are plain text here. */
export interface NatsSettings
  extends Pick<
    JournalConfig,
    'replicas' | 'user' | 'password' | 'token' | 'credentials' | 'tls' | 'monitor'
  > {
  servers: string[];
  stream: string;
}

/** The settings of a journal of the kind `nats`. */
export function natsSettings(config: JournalConfig, network: string): NatsSettings {
  const { servers = [], stream = `breakwater-${network}` } = config;
  return { ...config, servers, stream };
}

/** The secrets of the journal, by their path within it. */
export function journalSecrets(config: JournalConfig): { path: string[]; text: string }[] {
  const { password, token, credentials, tls = {} } = config;
  const given: [string[], string | undefined][] = [
    [['password'], password],
    [['token'], token],
    [['credentials'], credentials],
    [['tls', 'ca'], tls.ca],
    [['tls', 'certificate'], tls.certificate],
    [['tls', 'key'], tls.key],
  ];
  return given.flatMap(([path, text]) => (text === undefined ? [] : [{ path, text }]));
}

/** The journal's configuration with every secret replaced by what it stands for. */
export function withJournalSecrets(
  config: JournalConfig,
  resolve: (given: string) => string,
): JournalConfig {
  const resolved = <T extends object>(keys: T): T =>
    Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [
        key,
        typeof value === 'string' ? resolve(value) : value,
      ]),
    ) as T;
  const { password, token, credentials, tls } = config;
  return {
    ...config,
    ...resolved({ password, token, credentials }),
    ...(tls && { tls: resolved(tls) }),
  };
}

type Given = Readonly<Record<string, unknown>> & { kind: string };

function problemsOf(value: Given): [string, string][] {
  const has = (key: string) => value[key] !== undefined;
  if (value.kind !== 'nats') {
    return ofNats.filter(has).map((key) => [key, `"${key}" goes with "kind: nats"`]);
  }
  const problems: [string, string][] = [];
  if (!has('servers')) problems.push(['servers', '"kind: nats" needs "servers"']);
  const ways = ['user', 'token', 'credentials'].filter(has);
  if (ways.length > 1) {
    problems.push([ways[1] ?? '', 'give one of "user", "token" and "credentials"']);
  }
  if (has('user') !== has('password')) {
    problems.push(['password', '"user" and "password" go together']);
  }
  const tls = (value.tls ?? {}) as Readonly<Record<string, unknown>>;
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    problems.push(['tls', '"certificate" and "key" go together']);
  }
  return problems;
}
