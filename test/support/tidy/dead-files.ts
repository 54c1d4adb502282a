/** Files that nothing leads to: everything must be reachable by import from where a process, a worker or a script begins. */
import { importsOf } from './imports.ts';
import type { Source } from './source.ts';

/**
 * @param manifest text of package.json: what its scripts and `bin` name is an entry, as is each main.ts and each script that
 *   is run by hand
 */
export function findDeadFiles(sources: Source[], manifest: string): string[] {
  const byFile = new Map(sources.map((source) => [source.file, source]));
  const isEntry = ({ file, code }: Source) =>
    /\/main\.(?:ts|js)$/.test(file) || manifest.includes(file) || code.includes('import.meta.main');
  const waiting = sources.filter(isEntry);
  const reached = new Set(waiting.map(({ file }) => file));
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    for (const { target } of importsOf(source)) {
      const next = target === undefined ? undefined : byFile.get(target);
      if (next === undefined || reached.has(next.file)) continue;
      reached.add(next.file);
      waiting.push(next);
    }
  }
  return sources
    .filter(({ file }) => !reached.has(file))
    .map(({ file }) => `${file}: no main.ts, worker or script leads here; use it or remove it`);
}
