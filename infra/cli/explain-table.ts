/** What every node would answer, a line each. Pure. */
import type { NetworkExplanation, NodeExplanation } from '../../core/purge/explanation.ts';
import { decisionText, secondsText } from './explain-words.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type Explained = NetworkExplanation['nodes'][number];

/** PoPs first, as a request meets them. */
export function explanationTable(
  { url, nodes }: NetworkExplanation,
  { style }: Pick<Terminal, 'style'>,
): string[] {
  const answered = nodes.find((node) => node.ok);
  const ordered = [...nodes].sort((a, b) => rank(a) - rank(b));
  const isDetailed = nodes.length > 1 && answered !== undefined;
  return [
    style('bold', answered?.explanation.key ?? url),
    '',
    ...formatTable(
      ['NODE', 'ROLE', 'HOLDS', 'STORED IN', 'AGE', 'APPLIED', 'A GET WOULD BE'],
      ordered.map(rowOf),
    ),
    ...(isDetailed ? ['', '--pop ID shows one of them in detail.'] : []),
  ];
}

const rank = ({ role }: Explained) => (role === 'edge' ? 0 : 1);

function rowOf(node: Explained): string[] {
  if (!node.ok) return [node.node, node.role, '', '', '', '', node.problem];
  const { explanation } = node;
  const tiers = new Set(explanation.stored.flatMap(({ copies }) => copies.map(({ tier }) => tier)));
  const shown = explanation.stored.find(({ isSelected }) => isSelected) ?? explanation.stored[0];
  return [
    node.node,
    node.role,
    heldText(explanation),
    [...tiers].join(', '),
    shown ? secondsText(shown.age.seconds) : '',
    appliedText(explanation),
    decisionText(explanation.decision),
  ];
}

function heldText({ stored }: NodeExplanation): string {
  if (stored.length === 0) return 'nothing';
  const statuses = [...new Set(stored.map(({ status }) => status))].join(', ');
  return stored.length === 1 ? statuses : `${statuses} in ${stored.length} versions`;
}

function appliedText({ cursor, head }: NodeExplanation): string {
  if (cursor === null) return '';
  const behind = head?.identity === cursor.identity ? head.seq - cursor.seq : 0;
  return behind > 0 ? `${cursor.seq} (${behind} behind)` : String(cursor.seq);
}
