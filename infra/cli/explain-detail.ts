/** One node's explanation, line by line: what it would do, then each stored response with all that was weighed. Pure. */
import type { ExplainedResponse, NodeExplanation } from '../../core/purge/explanation.ts';
import {
  decisionText,
  flagsText,
  freshnessText,
  hitForMissText,
  placeText,
  positionText,
  purgedText,
  staleText,
  timeText,
  varyText,
} from './explain-words.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes } from './way.ts';

type Row = [name: string, text: string];
type Styled = Pick<Terminal, 'style'>;

/** A response may have hundreds of tags. */
const maxTags = 20;

export function explanationDetail(explanation: NodeExplanation, terminal: Styled): string[] {
  const { node, role, key, stored, decision } = explanation;
  const rows: Row[] = [
    ['site', explanation.site.join(', ')],
    ['a GET', decisionText(decision)],
    ['says', decision === null ? '' : `Cache-Status: ${decision.cacheStatus}`],
    ['on error', onErrorText(explanation)],
    ['worker', ownerText(explanation)],
    ...otherWorkers(explanation),
    ['not stored', hitForMiss(explanation)],
    ['journal', positionText(explanation)],
    ['stored', stored.length === 0 ? 'nothing under this key' : ''],
  ];
  const selectedFirst = [...stored].sort((a, b) => Number(b.isSelected) - Number(a.isSelected));
  return [
    terminal.style('bold', `${key} at ${node} (${role})`),
    '',
    ...indent(formatRows(rows)),
    ...selectedFirst.flatMap((response) => ['', ...responseLines(response, terminal)]),
  ];
}

/** RFC 5861 §4, RFC 9111 §4.2.4; of a hit it goes without saying. */
function onErrorText({ decision }: NodeExplanation): string {
  if (decision?.kind !== 'revalidate') return '';
  if (decision.servesOnError) return 'what is stored is served if the upstream fails';
  return decision.servesWhenUnreachable
    ? 'what is stored is served if the upstream cannot be reached, but not in place of an error that it answers with'
    : 'what is stored is not served, even if the upstream fails';
}

function ownerText({ owner, workers }: NodeExplanation): string {
  return workers === 1 ? '' : `${owner} owns the key, of ${workers}`;
}

/** Workers that would do something else than the owner: their memory differs. */
function otherWorkers({ owner, decision, answers, workers }: NodeExplanation): Row[] {
  const others = answers.filter(
    (answer) => answer.worker !== owner && answer.decision.kind !== decision?.kind,
  );
  const silent = workers - answers.length;
  return [
    ...others.map((answer): Row => {
      const asks = answer.decision.fwd === null ? '' : `, and asks worker ${owner}`;
      return ['', `worker ${answer.worker}: ${decisionText(answer.decision)}${asks}`];
    }),
    ...(silent > 0 ? [['', `${silent} of ${workers} did not answer in time`] as Row] : []),
  ].filter(([, text]) => text !== '');
}

/** Workers remember it each for itself; the one that will remember longest is shown. */
function hitForMiss({ answers }: NodeExplanation): string {
  const [longest] = answers
    .flatMap((answer) => answer.hitForMiss ?? [])
    .sort((a, b) => b.leftSeconds - a.leftSeconds);
  return longest ? hitForMissText(longest) : '';
}

function responseLines(response: ExplainedResponse, { style }: Styled): string[] {
  const { status, bodyBytes, part, isSelected, receivedAtMs, tags, etag, lastModified } = response;
  const rows: Row[] = [
    ['variant', varyText(response)],
    ['fresh', freshnessText(response)],
    ['may be stale', staleText(response)],
    ['flags', flagsText(response)],
    ['tags', tagsText(tags)],
    ['validators', validatorsText(etag, lastModified)],
    ...formatCopies(response).map((line, i): Row => [i === 0 ? 'held in' : '', line]),
  ];
  const selected = isSelected ? '' : ', for other requests';
  const bytes = part === null ? '' : ` (bytes ${part})`;
  const title = `${status}, ${formatBytes(bodyBytes)}${bytes}, received ${timeText(receivedAtMs)}${selected}`;
  return [style('bold', title), ...indent(formatRows(rows))];
}

function formatCopies({ copies }: ExplainedResponse): string[] {
  const rows = copies.map((copy) => [
    placeText(copy),
    `valid through entry ${copy.labelSeq}`,
    purgedText(copy),
  ]);
  return formatTable(['', '', ''], rows).slice(1);
}

function tagsText(tags: readonly string[]): string {
  const shown = tags.slice(0, maxTags).join(' ');
  return tags.length > maxTags ? `${shown} and ${tags.length - maxTags} more` : shown;
}

function validatorsText(etag: string | null, lastModified: string | null): string {
  const parts = [
    etag === null ? undefined : `ETag ${etag}`,
    lastModified === null ? undefined : `Last-Modified ${lastModified}`,
  ].filter((part) => part !== undefined);
  return parts.join(' · ') || 'none: a stale one is fetched anew';
}

/** Rows without a text are left out. */
function formatRows(rows: readonly Row[]): string[] {
  const shown = rows.filter(([, text]) => text !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
