/**
 * The ratchet on the length of functions: 70 lines, and whoever needs more is listed with a reason. A function's lines are
 * its own: those of functions declared within it count for themselves, since a factory that returns an interface holds
 * its whole state's functions. It may not grow without end either: 250 lines with all that is within it.
 *
 * Functions are found by the formatter's indentation: a body is opened by a line that ends in `) {`, `): Type {` or `=> {`,
 * and ends at the next `}` in that line's column.
 */
import type { Source } from './source.ts';

export const LINES_OF_ITS_OWN = 70;
export const LINES_IN_ALL = 250;

interface FunctionLines {
  name: string;
  /** 0-based, both included. */
  first: number;
  last: number;
}

/** Functions that are too long; `listed` gives `file name` → reason, and an entry that is not needed is a problem too. */
export function findLongFunctions(sources: Source[], listed: Record<string, string>): string[] {
  const long = sources.flatMap((source) => {
    const functions = functionsOf(source);
    return functions.flatMap((outer) => {
      const own = ownLines(outer, functions);
      const all = outer.last - outer.first + 1;
      if (own <= LINES_OF_ITS_OWN && all <= LINES_IN_ALL) return [];
      const key = `${source.file} ${outer.name}`;
      return [{ key, at: `${source.file}:${outer.first + 1}`, name: outer.name, own, all }];
    });
  });
  const known = new Set(long.map(({ key }) => key));
  return [
    ...long
      .filter(({ key }) => !(key in listed))
      .map(
        ({ at, name, own, all }) =>
          `${at}: ${name} has ${own} lines of its own, ${all} in all; ` +
          `the limits are ${LINES_OF_ITS_OWN} and ${LINES_IN_ALL}`,
      ),
    ...Object.keys(listed)
      .filter((key) => !known.has(key))
      .map((key) => `${key}: is not long any more; take it off the list in tidy.test.ts`),
  ];
}

function ownLines(outer: FunctionLines, functions: FunctionLines[]): number {
  const within = functions.filter(
    (other) => other !== outer && other.first >= outer.first && other.last <= outer.last,
  );
  const lines = new Set<number>();
  for (const { first, last } of within) for (let at = first; at <= last; at++) lines.add(at);
  return outer.last - outer.first + 1 - lines.size;
}

export function functionsOf(source: Source): FunctionLines[] {
  const lines = source.code.split('\n').map((line) => line.trimEnd());
  return lines.flatMap((line, opens) => {
    if (!/(?:=>|\)|\)\??: .*) \{$/.test(line) || /^\s*\} (?:else|catch)\b/.test(line)) return [];
    const indent = indentOf(line);
    const first = headOf(lines, opens);
    const head = lines[first]?.trim() ?? '';
    if (first === opens ? isStatement(head) && !line.endsWith('=> {') : isStatement(head))
      return [];
    const length = lines.slice(opens + 1).findIndex((later) => closes(later, indent));
    return length < 0 ? [] : [{ name: nameIn(head), first, last: opens + 1 + length }];
  });
}

/** A head of several lines ends in one of the same column, `): Store {` or `}: Deps) {`, and begins where that column does. */
function headOf(lines: string[], opens: number): number {
  const indent = indentOf(lines[opens] ?? '');
  if (!/^[)}]/.test((lines[opens] ?? '').trim())) return opens;
  for (let at = opens - 1; at >= 0; at--) {
    const line = lines[at] ?? '';
    if (line !== '' && indentOf(line) <= indent) return at;
  }
  return opens;
}

function isStatement(head: string): boolean {
  return /^(?:if|for|while|switch|catch|else|do|with)\b/.test(head);
}

function closes(line: string, indent: number): boolean {
  return indentOf(line) === indent && line[indent] === '}';
}

function nameIn(head: string): string {
  const declared =
    /\bfunction\*? ([\w$]+)|^(?:export )?(?:const|let) ([\w$]+)|([\w$]+)(?:<.*>)?[(:]/.exec(head);
  return declared?.slice(1).find((name) => name !== undefined) ?? 'a callback';
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
