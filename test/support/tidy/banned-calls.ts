/**
 * Calls that reach for the outside world behind a function's back. Time, chance, timers and the console are passed in, so
 * that a test or a simulation can replace them; core/runtime has the only real ones.
 */
import { lineOf, type Source } from './source.ts';

interface Ban {
  name: string;
  pattern: RegExp;
  instead: string;
  /** Places, besides core/runtime and infra/bootstrap, where the thing itself is the job. */
  allowedIn?: (source: Source) => boolean;
}

/** A global: not a method of something, not a property's name. */
const global = (names: string) =>
  new RegExp(`(?<![.\\w$#]|\\bfunction )(?:${names})\\b(?!\\s*\\??:)`, 'g');

const isTerminal = ({ file }: Source) =>
  file.startsWith('infra/cli/') || file.startsWith('infra/up/');

/** What is started by hand or as a process of its own speaks to its terminal itself. */
const isEntry = ({ file, code }: Source) =>
  file.endsWith('/main.ts') || code.includes('import.meta.main');

const bans: Ban[] = [
  { name: 'Date.now', pattern: /\bDate\.now\b/g, instead: 'clock.nowMs()' },
  {
    name: 'new Date()',
    pattern: /\bnew Date\b(?:\(\s*\))?(?!\s*[(<])|(?<!new )(?<![.\w$])Date\(/g,
    instead: 'new Date(clock.nowMs())',
  },
  {
    name: 'performance.now',
    pattern: /\bperformance\.(?:now|timeOrigin)\b|\bprocess\.hrtime\b/g,
    instead: 'clock.monotonicMs()',
  },
  { name: 'Math.random', pattern: /\bMath\.random\b/g, instead: 'random.unit()' },
  {
    name: 'a timer',
    pattern: global('setTimeout|setInterval'),
    instead: 'clock.after(), clock.sleep() or every()',
  },
  { name: 'setImmediate', pattern: global('setImmediate'), instead: 'clock.after(0, …)' },
  { name: 'console', pattern: global('console'), instead: 'log' },
  {
    name: 'process',
    pattern: global('process\\.(?:env|stdout|stderr|stdin|argv|exit)'),
    instead: 'a parameter, set in main.ts, infra/cli or infra/up',
    allowedIn: (source) => isTerminal(source) || isEntry(source),
  },
  {
    name: 'global fetch',
    pattern: /(?<![.\w$#]|\bfunction |\basync )fetch\(|\bglobalThis\.fetch\b/g,
    instead: 'the upstream, or core/runtime/http-client.ts for control traffic',
  },
];

const bannedModules = new Set([
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'node:process',
]);

/** File → ban → why it is right there. */
export type Exceptions = Record<string, Record<string, string>>;

export function findBannedCalls(sources: Source[], exceptions: Exceptions = {}): string[] {
  return sources
    .filter(({ file }) => !/^(?:core\/runtime|infra\/bootstrap)\//.test(file))
    .flatMap((source) => [
      ...bans.flatMap((ban) => findCalls(source, ban, exceptions[source.file] ?? {})),
      ...findBannedModules(source),
    ]);
}

function findCalls(source: Source, ban: Ban, exceptions: Record<string, string>): string[] {
  if (ban.allowedIn?.(source)) return [];
  const found = [...source.code.matchAll(ban.pattern)].filter(
    ({ index }) => ban.name !== 'global fetch' || isGlobalFetch(source, index),
  );
  if (ban.name in exceptions) {
    return found.length > 0 ? [] : [`${source.file}: needs its exception for ${ban.name} no more`];
  }
  return found.map(
    ({ index }) => `${source.file}:${lineOf(source, index)}: ${ban.name} → ${ban.instead}`,
  );
}

/** `fetch` is also the name of our own port: a method that is declared, or a function that was passed in or imported. */
function isGlobalFetch({ code }: Source, index: number): boolean {
  if (code.startsWith('globalThis', index)) return true;
  const isBound =
    /\b(?:const|let|function) fetch\b|[{(,]\s*(?:type )?fetch\s*[,})]|\bfetch\s*:/.test(code);
  if (isBound) return false;
  // What follows the parentheses tells a declaration from a call, except within `a ? fetch(b) : c`.
  if (/\?\s*$/.test(code.slice(0, index))) return true;
  let depth = 0;
  for (let at = index + 'fetch'.length; at < code.length; at++) {
    if (code[at] === '(') depth++;
    if (code[at] === ')' && --depth === 0) return !/^\s*[{:]/.test(code.slice(at + 1));
  }
  return true;
}

function findBannedModules(source: Source): string[] {
  return source.strings
    .filter(({ text, start }) => {
      return bannedModules.has(text) && /\bfrom\s*.$/.test(source.code.slice(0, start));
    })
    .map(
      ({ text, start }) =>
        `${source.file}:${lineOf(source, start)}: ${text} → core/runtime/deps.ts`,
    );
}
