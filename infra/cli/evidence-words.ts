/** What was found in a file of evidence, in words, with what it proves and what not. Pure. */
import type { EvidenceDocument } from '../../core/purge/evidence.ts';
import type { Finding, Verdict } from '../../core/purge/verify-evidence.ts';
import { usageError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

/** `node=SHA256:…` lines, empty ones and comments left out. Throws for anything else. */
export function parseFingerprints(lines: readonly string[]): Map<string, string> {
  const given = lines.map((line) => line.trim()).filter((line) => line !== '' && line[0] !== '#');
  const pairs = given.map((line) => {
    const [, node, fingerprint] = /^([^=\s]+)=(SHA256:[A-Za-z0-9+/]{43})$/.exec(line) ?? [];
    if (node !== undefined && fingerprint !== undefined) return [node, fingerprint] as const;
    throw usageError(
      `"${line}" is no fingerprint: write NODE=SHA256:…, as breakwater status --keys`,
    );
  });
  const map = new Map(pairs);
  if (map.size < new Set(pairs.map(([node, print]) => `${node}=${print}`)).size) {
    throw usageError('two fingerprints are given for one node');
  }
  return map;
}

const marks = { good: ['green', '✓'], wrong: ['red', '✗'], absent: ['yellow', '–'] } as const;

/** A line for each finding, the verdict, and what it means. */
export function verdictLines(
  { valid, findings, unconfirmed, document }: Verdict,
  { style }: Pick<Terminal, 'style'>,
): string[] {
  const width = Math.max(0, ...findings.map(({ about }) => about.length));
  const lineOf = ({ about, result, text }: Finding) => {
    const [colour, mark] = marks[result];
    return `  ${style(colour, mark)} ${about.padEnd(width)}  ${text}`;
  };
  const lines = document ? [headline(document), ...findings.map(lineOf)] : findings.map(lineOf);
  if (!valid) return [...lines, '', 'This is no valid evidence.'];
  return [...lines, '', ...meaning(findings, unconfirmed)];
}

function headline({ network, entry, convergedAtMs }: EvidenceDocument): string {
  const at = convergedAtMs === null ? 'not converged' : `converged ${timeText(convergedAtMs)}`;
  const kind = entry.soft ? 'soft purge' : 'purge';
  return `${kind} ${entry.id} of the network ${network}, appended ${timeText(entry.atMs)}, ${at}`;
}

/** The honest reading: keys have signed; what the holders did is their word. */
function meaning(findings: readonly Finding[], unconfirmed: readonly string[]): string[] {
  const absent = findings.filter(({ result }) => result === 'absent').map(({ about }) => about);
  const lines = [
    'Valid: the holders of these keys have said that they had applied this purge, and purge-api that it had converged.',
    'It does not prove that they told the truth, nor by whose clock.',
  ];
  if (absent.length > 0) {
    lines.push(`Nothing is proved of ${absent.join(', ')}: quarantined when it was declared.`);
  }
  if (unconfirmed.length > 0) {
    lines.push(
      `Warning: whose keys these are is not checked for ${unconfirmed.join(', ')}: anybody can make keys.`,
      'Give --fingerprint NODE=SHA256:… or --fingerprints FILE, from a source that you trust (breakwater status --keys).',
    );
  }
  return lines;
}

function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
