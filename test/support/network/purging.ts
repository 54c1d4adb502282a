/** What tests of purges say again and again, for one network. */
import assert from 'node:assert/strict';
import { siteHost } from './config.ts';
import type { Network, PurgeAnswer } from './network.ts';
import { until } from './until.ts';

export interface Purging {
  urlOf(path: string): string;
  /** Purges, and asserts that it has converged. */
  converge(what: object): Promise<PurgeAnswer>;
  /** Purges without waiting; asserts that it has been accepted. */
  accept(what: object): Promise<PurgeAnswer>;
  /** A purge as it stands, or as it stands when it has converged. */
  find(id: string, wait?: string): Promise<PurgeAnswer>;
  /** Waits until the purge has converged. */
  converged(id: string): Promise<PurgeAnswer>;
  /** Waits until these nodes have acknowledged the purge. */
  acknowledged(id: string, ...nodes: string[]): Promise<PurgeAnswer>;
  /** `behind`, `acknowledged` … of a node in an answer. */
  stateOf(answer: PurgeAnswer, node: string): string | undefined;
  /** Different texts at a PoP, over connections of their own, so that all its workers answer. */
  textsAt(pop: string, path: string, host?: string): Promise<string[]>;
}

const connections = 8;

export function createPurging(network: Network): Purging {
  const find = async (id: string, wait = '0s') =>
    JSON.parse((await network.api(`/v1/purges/${id}?wait=${wait}`)).text) as PurgeAnswer;
  const stateOf = (answer: PurgeAnswer, node: string) =>
    answer.nodes.find((each) => each.node === node)?.state;
  return {
    urlOf: (path) => `http://${siteHost}${path}`,
    async converge(what) {
      const answer = await network.purge(what, { wait: '30s' });
      assert.equal(answer.status, 'converged', JSON.stringify(answer));
      return answer;
    },
    async accept(what) {
      const answer = await network.purge(what, { wait: '0s' });
      assert.ok(answer.httpStatus === 202 || answer.httpStatus === 200, JSON.stringify(answer));
      return answer;
    },
    find,
    converged: (id) =>
      until('it has converged', async () => {
        const answer = await find(id, '5s');
        return answer.status === 'converged' && answer;
      }),
    acknowledged: (id, ...nodes) =>
      until(`${nodes} have acknowledged it`, async () => {
        const answer = await find(id);
        return nodes.every((node) => stateOf(answer, node) === 'acknowledged') && answer;
      }),
    stateOf,
    async textsAt(pop, path, host = siteHost) {
      const asked = Array.from({ length: connections }, () =>
        network.request(pop, path, { host, headers: { connection: 'close' } }),
      );
      return [...new Set((await Promise.all(asked)).map(({ text }) => text))];
    },
  };
}
