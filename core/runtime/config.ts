/**
 * Reads a YAML file through a zod schema. All problems are reported at once, each with the path of the key and
 * the line in the file, because a person who fixes a configuration wants to do it in one go.
 */
import { type Document, isMap, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

export interface Problem {
  /** As written in the file: `pops[0].listen`; empty for the file as a whole. */
  path: string;
  line: number;
  message: string;
}

export type PathPart = string | number;

/** A finding of a cross-field check, located by path; the line is looked up here. */
export interface Finding {
  path: readonly PathPart[];
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; problems: Problem[] };

/** `pops[0].listen (line 12): message` */
export function formatProblem(problem: Problem): string {
  const where =
    problem.path === '' ? `(line ${problem.line})` : `${problem.path} (line ${problem.line})`;
  return `${where}: ${problem.message}`;
}

/**
 * Parses `text` and validates it. `check` sees a value that the schema has accepted and returns what is wrong across
 * fields. Never throws on bad input.
 */
export function parseConfig<S extends z.ZodType>(
  text: string,
  schema: S,
  check: (value: z.output<S>) => Finding[] = () => [],
): Parsed<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    return {
      ok: false,
      problems: document.errors.map((error) => ({
        path: '',
        line: lines.linePos(error.pos[0]).line,
        message: firstLine(error.message),
      })),
    };
  }
  const locate = (finding: Finding): Problem => ({
    path: formatPath(finding.path),
    line: lineOf(document, lines, finding.path),
    message: finding.message,
  });
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { ok: false, problems: [{ path: '', line: 1, message: (error as Error).message }] };
  }
  const result = schema.safeParse(plain ?? {});
  if (!result.success) {
    return { ok: false, problems: sorted(result.error.issues.flatMap(findingsOf).map(locate)) };
  }
  const findings = check(result.data);
  if (findings.length > 0) return { ok: false, problems: sorted(findings.map(locate)) };
  return { ok: true, value: result.data };
}

function sorted(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '');
}

function findingsOf(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown key' }));
  }
  if (issue.code === 'invalid_union') {
    // A union says nothing useful by itself; the branch that got furthest does.
    const branches = issue.errors.filter((branch) => branch.length > 0);
    const deepest = branches.sort((a, b) => depth(b) - depth(a))[0];
    if (deepest && depth(deepest) > 0) {
      return deepest.flatMap(findingsOf).map((f) => ({ ...f, path: [...path, ...f.path] }));
    }
    const wanted = [...new Set(branches.flat().map((branch) => branch.message))];
    return [{ path, message: wanted.length > 0 ? wanted.join(', or ') : issue.message }];
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return [{ path, message: `is missing (expected ${issue.expected})` }];
  }
  return [{ path, message: issue.message }];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function formatPath(path: readonly PathPart[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** The line of the key at `path`, or of the nearest ancestor that the file has. */
function lineOf(document: Document, lines: LineCounter, path: readonly PathPart[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (length === 1 ? isMap(document.contents) : isMap(parent)) {
      const map = length === 1 ? document.contents : parent;
      const pair = isMap(map)
        ? map.items.find((item) => String((item.key as { value?: unknown }).value) === String(last))
        : undefined;
      const keyRange = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
      if (keyRange) return lines.linePos(keyRange[0]).line;
    }
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
