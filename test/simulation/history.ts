/**
 * What happened in a simulated network, line by line, and what was wrong with it. The digest is equal for two runs that did the
 * same.
 */
import { createHash } from 'node:crypto';

export interface History {
  note(line: string): void;
  /** A promise was broken. */
  problem(text: string): void;
  readonly problems: readonly string[];
  /** Of all lines. */
  digest(): string;
  /** The last lines, for whoever looks for the cause. */
  tail(count: number): string[];
  readonly counts: ReadonlyMap<string, number>;
}

/** Problems that are told; a broken network breaks the same promise many times. */
const maxProblems = 10;

/** Creates an empty history. */
export function createHistory(nowMs: () => number): History {
  const hash = createHash('sha256');
  const lines: string[] = [];
  const problems: string[] = [];
  const counts = new Map<string, number>();
  const note = (text: string) => {
    const line = `${nowMs().toFixed(3)} ${text}`;
    hash.update(`${line}\n`);
    lines.push(line);
    const word = text.split(' ', 1)[0] ?? '';
    counts.set(word, (counts.get(word) ?? 0) + 1);
  };
  return {
    note,
    problem(text) {
      note(`PROBLEM ${text}`);
      if (problems.length < maxProblems) problems.push(`at ${nowMs().toFixed(1)} ms: ${text}`);
    },
    problems,
    digest: () => hash.copy().digest('hex'),
    tail: (count) => lines.slice(-count),
    counts,
  };
}
