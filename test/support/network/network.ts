/**
 * A whole CDN for a test: every node a real process on free ports of this machine, an origin and clients in the test's own.
 *
 * Invariants: whatever a test does, processes and files are gone when its file has run; a test that fails shows what every
 * node last said; a node that is told to stop, and was not killed by the test, ends with 0.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as file from 'node:test';
import { type Asked, createAgent, type Opened, open, type Received, send } from './client.ts';
import { configOf, type NetworkConfig, type NetworkPlan, siteHost, tokens } from './config.ts';
import { createNodeProcess, type NodeProcess, type Verb } from './node-process.ts';
import { type Origin, startOrigin } from './origin.ts';
import { until } from './until.ts';

export interface RequestOptions {
  method?: string;
  host?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  localAddress?: string;
  /** Told of interim responses as they come. */
  onInterim?: Asked['onInterim'];
}

export interface PurgeOptions {
  /** The secret of a token; default: one for all hosts. */
  token?: string;
  /** Default 10s; `0s`: does not wait. */
  wait?: string;
  headers?: Record<string, string>;
}

/** What purge-api says of a purge. */
export interface PurgeAnswer {
  httpStatus: number;
  id: string;
  seq: number;
  status: 'pending' | 'converged';
  nodes: {
    node: string;
    role: string;
    state: string;
    quarantined: boolean;
    reason: string | null;
    appliedAt: string | null;
    matched: number | null;
    cursor: { identity: string; seq: number } | null;
  }[];
  detail?: string;
}

export interface Network {
  readonly origin: Origin;
  readonly folder: string;
  readonly config: NetworkConfig;
  node(id: string): NodeProcess;
  /** `http://127.0.0.1:PORT` of the node's public listener. */
  url(id: string): string;
  get(id: string, path: string, headers?: Record<string, string>): Promise<Received>;
  request(id: string, path: string, options?: RequestOptions): Promise<Received>;
  /** The head of a response; the body is read by the test. */
  open(id: string, path: string, options?: RequestOptions): Promise<Opened>;
  /** A request to a node's admin listener. */
  admin(id: string, path: string, options?: RequestOptions): Promise<Received>;
  purge(what: object, options?: PurgeOptions): Promise<PurgeAnswer>;
  /** Any request to purge-api, as the token for all hosts. */
  api(path: string, options?: RequestOptions): Promise<Received>;
  /** The sum of a metric over its labels; those that contain `labels` only. */
  metric(id: string, name: string, labels?: string): Promise<number>;
  /** Ends the process at once and waits until it is gone. */
  kill(id: string): Promise<void>;
  /** Ends the node as an operator does; asserts that it ends with 0. */
  terminate(id: string): Promise<void>;
  /** Starts a node that has ended; resolves when it is ready. */
  start(id: string): Promise<void>;
  ready(id: string): Promise<void>;
  /** Starts a further process of the node, which is expected to fail; resolves with why. */
  startInVain(id: string): Promise<string>;
  /** Writes the configuration anew, as changed; nodes are not told. */
  reconfigure(change: (config: NetworkConfig) => unknown): void;
  stop(): Promise<void>;
}

/** Where clean-up is registered: a file's root, or one test. */
export interface Hooks {
  after(run: () => Promise<void>): void;
  afterEach(run: (context: file.TestContext | file.SuiteContext) => void): void;
}

/** Starts all nodes of `plan` and waits until every one is ready. Stopped when the file, or `hooks`, has run. */
export async function startNetwork(plan: NetworkPlan = {}, hooks: Hooks = file): Promise<Network> {
  const network = await prepareNetwork(plan, hooks);
  const ids = network.config.dns.map(({ id }) => id);
  await network.start('purge');
  const others = [...network.config.shields, ...network.config.pops].map(({ id }) => id);
  await Promise.all([...others, ...ids].map((id) => network.start(id)));
  return network;
}

/** As `startNetwork`, with no node started yet. */
export async function prepareNetwork(
  plan: NetworkPlan = {},
  hooks: Hooks = file,
): Promise<Network> {
  const origin = await startOrigin();
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-network-'));
  // The runner ends a file that takes too long; its folder goes all the same.
  process.once('SIGTERM', () => process.exit(143));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, 'log'));
  const config = configOf(plan, origin.url);
  const network = createNetwork(folder, origin, config, plan.apart === true);
  hooks.after(network.stop);
  hooks.afterEach((context) => {
    if ('passed' in context && !context.passed) process.stderr.write(network.report(context.name));
  });
  return network;
}

function createNetwork(folder: string, origin: Origin, initial: NetworkConfig, apart: boolean) {
  let config = initial;
  const configFileOf = (id: string) => path.join(folder, ...(apart ? [id] : []), 'breakwater.yaml');
  const writeConfig = () => {
    for (const [id] of verbsOf(initial)) {
      mkdirSync(path.dirname(configFileOf(id)), { recursive: true });
      writeFileSync(configFileOf(id), JSON.stringify(config, null, 2));
    }
  };
  writeConfig();
  const processOf = (id: string, verb: Verb, logName: string) => {
    const logFile = path.join(folder, 'log', `${logName}.log`);
    writeFileSync(logFile, '');
    return createNodeProcess({ id, verb, configFile: configFileOf(id), logFile });
  };
  const nodes = new Map(verbsOf(config).map(([id, verb]) => [id, processOf(id, verb, id)]));
  const agent = createAgent();
  const node = (id: string) => {
    const found = nodes.get(id);
    if (!found) throw new Error(`the network has no node "${id}"`);
    return found;
  };
  const askedOf = (base: string, target: string, { host = siteHost, ...rest }: RequestOptions) => ({
    base,
    path: target,
    host,
    agent,
    ...rest,
  });
  const request = (id: string, target: string, options: RequestOptions = {}) =>
    send(askedOf(node(id).url, target, options));
  const admin = (id: string, target: string, options: RequestOptions = {}) =>
    send(askedOf(node(id).adminUrl, target, options));
  const api = (target: string, options: RequestOptions = {}) =>
    request('purge', target, {
      ...options,
      headers: { authorization: `Bearer ${tokens.all.secret}`, ...options.headers },
    });
  const ready = (id: string) =>
    until(`${id} is ready`, async () => (await admin(id, '/readyz')).status === 200).then(() => {});

  return {
    origin,
    folder,
    get config() {
      return config;
    },
    node,
    url: (id: string) => node(id).url,
    get: (id: string, target: string, headers: Record<string, string> = {}) =>
      request(id, target, { headers }),
    request,
    open: (id: string, target: string, options: RequestOptions = {}) =>
      open(askedOf(node(id).url, target, options)),
    admin,
    api,
    async purge(what: object, options: PurgeOptions = {}): Promise<PurgeAnswer> {
      const { token = tokens.all.secret, wait = '10s', headers } = options;
      const { status, text } = await api(`/v1/purges?wait=${wait}`, {
        method: 'POST',
        body: JSON.stringify(what),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          ...headers,
        },
      });
      return { ...(JSON.parse(text) as PurgeAnswer), httpStatus: status };
    },
    async metric(id: string, name: string, labels = '') {
      return sumOf((await admin(id, '/metrics')).text, name, labels);
    },
    async kill(id: string) {
      await node(id).end('SIGKILL');
    },
    async terminate(id: string) {
      assert.equal(await node(id).end('SIGTERM'), 'code 0', `how ${id} ended`);
    },
    async start(id: string) {
      await node(id).start();
      // Purge-api waits for the positions of all nodes, which are yet to be started.
      if (node(id).verb !== 'purge-api') await ready(id);
    },
    ready,
    async startInVain(id: string) {
      const further = processOf(id, node(id).verb, `${id}-further`);
      try {
        await further.start();
      } catch (error) {
        assert.equal(await further.ended(), 'code 1', `how the further ${id} ended`);
        return (error as Error).message;
      }
      await further.end('SIGKILL');
      throw new Error(`a further ${id} has started`);
    },
    reconfigure(change: (config: NetworkConfig) => unknown) {
      config = structuredClone(config);
      change(config);
      writeConfig();
    },
    report: (title: string) => reportOf(title, [...nodes.values()]),
    async stop() {
      agent.destroy();
      const ends = await Promise.all(
        [...nodes.values()]
          .filter((each) => each.isRunning())
          .map(async (each) => [each.id, await each.end('SIGTERM')]),
      );
      await origin.stop();
      rmSync(folder, { recursive: true, force: true });
      const bad = ends.filter(([, how]) => how !== 'code 0');
      assert.deepEqual(bad, [], 'nodes that did not end well');
    },
  };
}

function verbsOf(config: NetworkConfig): [string, Verb][] {
  return [
    ['purge', 'purge-api'],
    ...config.shields.map(({ id }): [string, Verb] => [id, 'shield']),
    ...config.pops.map(({ id }): [string, Verb] => [id, 'edge']),
    ...config.dns.map(({ id }): [string, Verb] => [id, 'dns']),
  ];
}

function reportOf(title: string, nodes: readonly NodeProcess[]): string {
  const parts = nodes.map(
    (node) => `--- ${node.id} (${node.isRunning() ? 'running' : 'ended'})\n${node.logTail()}\n`,
  );
  return `\n=== "${title}" failed; what the nodes last said:\n${parts.join('')}\n`;
}

/** Adds up the samples of a Prometheus text. */
function sumOf(text: string, name: string, labels: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
