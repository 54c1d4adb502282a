/**
 * Reads source files for the rules of tidy.test.ts. TypeScript 7 has no compiler API to ask, so a small scanner
 * separates code from comments and strings; what the rules need on top of that, regular expressions can find, since
 * every file is in the one form that the formatter gives it.
 *
 * Invariant: `code` has the length and the lines of `text`, so that an index means the same in both.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface StringLiteral {
  /** Index of the first character within the quotes. */
  start: number;
  text: string;
  /** A part of a template that a `${…}` follows. */
  isOpen: boolean;
}

export interface Source {
  /** Relative to the repository, with slashes. */
  file: string;
  text: string;
  /** The text with comments, and what is within quotes, turned into blanks; the code within `${…}` stays. */
  code: string;
  strings: StringLiteral[];
}

/** Directories that hold nothing of ours. */
const foreign = new Set(['node_modules', '.runtime', '.breakwater', '.git', 'dist']);

/** All files of the repository whose name ends in one of the suffixes, sorted. */
export function listFiles(root: string, suffixes: string[]): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const file = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return foreign.has(entry.name) ? [] : walk(file);
      return entry.isFile() && suffixes.some((suffix) => file.endsWith(suffix)) ? [file] : [];
    });
  return walk('').sort();
}

export function readSource(root: string, file: string): Source {
  return parseSource(file, readFileSync(path.join(root, file), 'utf8'));
}

export function lineOf(source: { text: string }, index: number): number {
  return source.text.slice(0, index).split('\n').length;
}

const token = new RegExp(
  [
    /\/\/[^\n]*/, // line comment
    /\/\*[\s\S]*?\*\//, // block comment
    /'(?:[^'\\\n]|\\[\s\S])*'/,
    /"(?:[^"\\\n]|\\[\s\S])*"/,
    /`/,
    /[{}]/,
    /\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/, // regular expression, or two divisions
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
);

/** After these a slash begins a regular expression; after a name, a number or a closing bracket it divides. */
const regexMayFollow = /(?:^|[([{}=,;:!&|?+*~^<>%-]|\b(?:return|typeof|case|of|in|await|yield))$/;

export function parseSource(file: string, text: string): Source {
  const strings: StringLiteral[] = [];
  let code = '';
  const keep = (end: number) => {
    code += text.slice(code.length, end);
  };
  const blank = (end: number) => {
    code += text.slice(code.length, end).replace(/[^\n]/g, ' ');
  };
  const literal = (end: number, isOpen: boolean) => {
    strings.push({ start: code.length, text: text.slice(code.length, end), isOpen });
    blank(end);
  };
  /** How many braces were open at each `${` that is: the `}` that closes it leads back into its template. */
  const templates: number[] = [];
  let depth = 0;
  const template = () => {
    templatePart.lastIndex = code.length;
    const end = code.length + (templatePart.exec(text)?.[0].length ?? 0);
    const isOpen = text[end] === '$';
    literal(end, isOpen);
    keep(isOpen ? end + 2 : end + 1);
    if (isOpen) templates.push(depth++);
    token.lastIndex = code.length;
  };

  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    const end = match.index + found.length;
    const opening = text[match.index];
    keep(match.index);
    if (found.startsWith('//') || found.startsWith('/*')) blank(end);
    else if (opening === '/' && !regexMayFollow.test(code.trimEnd()))
      token.lastIndex = code.length + 1;
    else {
      keep(match.index + 1);
      if (found === '`') template();
      else if (opening === '/') blank(match.index + found.lastIndexOf('/'));
      else if (opening === "'" || opening === '"') literal(end - 1, false);
      else if (found === '{') depth++;
      else if (--depth === templates.at(-1)) {
        templates.pop();
        template();
      }
    }
  }
  keep(text.length);
  return { file, text, code, strings };
}

const templatePart = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
