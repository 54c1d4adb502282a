/**
 * What a worker's door needs to know of the configuration: limits, ports, whom to believe. Trusted proxies, the debug token and
 * the edges of the network follow a reload.
 */
import type { AdmitDeps } from '../cache/admit.ts';
import type { KeySpace } from '../cache/key.ts';
import { createNetworkSet } from '../runtime/addresses.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import { createDebugAuth } from './debug-token.ts';
import { createTierAuthentication } from './tier-authentication.ts';
import type { WorkerStart } from './worker-messages.ts';

export interface Admission {
  deps: AdmitDeps;
  update(topology: TopologyWithSecret): void;
  /** The port that this worker has bound: Host may name it. */
  listensOn(port: number): void;
}

/** Creates what `admit` needs in a worker. */
export function createAdmission(
  { keySpace }: { keySpace: () => KeySpace },
  start: WorkerStart,
): Admission {
  let isTrustedProxy = createNetworkSet(start.topology.trustedProxies);
  let isDebugToken = createDebugAuth(start.topology.debugToken);
  let authenticateTier = createTierAuthentication(start.topology, start.nodeId);
  const { limits } = start.topology;
  const ports = new Set(start.hostPorts);
  let nextRequest = 0;
  const admit: AdmitDeps = {
    keySpace,
    limits: {
      maxFields: limits.fields,
      maxHeadBytes: limits.headBytes,
      maxTargetBytes: limits.urlBytes,
    },
    cdnId: `breakwater-${start.topology.network}`,
    nodeId: start.nodeId,
    ports,
    isTrustedProxy: (address) => isTrustedProxy(address),
    authenticateTier: (value) => (start.role === 'shield' ? authenticateTier(value) : undefined),
    tiersOnly: start.role === 'shield',
    get isDebugToken() {
      return isDebugToken;
    },
    nextRequestId() {
      nextRequest += 1;
      return `${start.instance}-${start.index}-${nextRequest.toString(36)}`;
    },
  };
  return {
    deps: admit,
    update(topology: TopologyWithSecret) {
      isTrustedProxy = createNetworkSet(topology.trustedProxies);
      isDebugToken = createDebugAuth(topology.debugToken);
      authenticateTier = createTierAuthentication(topology, start.nodeId);
    },
    listensOn: (port) => void ports.add(port),
  };
}
