/**
 * What is to be refilled after a purge, and where: from what each node holds to a list for each. Pure.
 *
 * A response is fetched anew at the nodes that had it, and nowhere else: nobody has asked for it at the others. Shields come first,
 * so that the edges behind them find it there, and the origin is asked once for all of them.
 */
import { type HotResponse, hottest, nameOf, type ResponseName } from '../core/purge/warm.ts';

/** What one node will lose by the purge, hottest first. */
export interface NodeHeld {
  node: string;
  role: 'edge' | 'shield';
  responses: readonly HotResponse[];
}

export interface WarmPlan {
  /** Different responses, wherever they are. */
  responses: number;
  shields: NodeShare[];
  edges: NodeShare[];
}

export interface NodeShare {
  node: string;
  responses: ResponseName[];
}

/** The `limit` hottest over all nodes, each where it was. The heat of a response is that of all nodes together. */
export function planWarm(held: readonly NodeHeld[], limit: number): WarmPlan {
  const byName = new Map<string, HotResponse>();
  for (const response of held.flatMap(({ responses }) => responses)) {
    const known = byName.get(nameOf(response));
    if (known) known.heat += response.heat;
    else byName.set(nameOf(response), { ...response });
  }
  const chosen = hottest([...byName.values()], limit);
  const sharesOf = (wanted: 'edge' | 'shield') =>
    held.flatMap(({ node, role, responses }) => {
      if (role !== wanted) return [];
      const names = new Set(responses.map(nameOf));
      const share = chosen
        .filter((response) => names.has(nameOf(response)))
        .map(({ key, variant }) => ({ key, variant }));
      return share.length > 0 ? [{ node, responses: share }] : [];
    });
  return { responses: chosen.length, shields: sharesOf('shield'), edges: sharesOf('edge') };
}
