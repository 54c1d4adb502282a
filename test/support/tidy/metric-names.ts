/**
 * Metric names: `breakwater_<service>_<thing>_<unit>`, counters with `_total` at the end, written out whole so that a
 * search finds them, and each with its row in docs/operations.md.
 */
import { lineOf, type Source } from './source.ts';

/** The part of the system that counts; the caching engine is one part, in whichever node it runs. */
const services = 'cache|disk|dns|edge|http|node|origin|process|purge|shield|upstream|workers';

/** What is counted, in the plural and in base units, or a share, or a state that is 0 or 1. */
const units = '[a-z]+s|ratio|info|connected|ready|open';
const notBase = /_(?:ms|[a-z]+seconds|minutes|hours|[a-z]+bytes|percents?)(?:_total)?$/;

const wellFormed = new RegExp(`^breakwater_(?:${services})(?:_[a-z0-9]+)*_(?:total|${units})$`);

/** @param operations text of docs/operations.md; undefined until there is one */
export function findMetricProblems(sources: Source[], operations: string | undefined): string[] {
  const documented = new Set(operations?.match(/\bbreakwater_[a-z0-9_]+/g));
  const named = sources.flatMap((source) =>
    source.strings
      .filter(({ text }) => /^breakwater_/.test(text))
      .map((literal) => ({ ...literal, at: `${source.file}:${lineOf(source, literal.start)}` })),
  );
  const problems = named.flatMap(({ text, isOpen, at }) => {
    if (isOpen)
      return [`${at}: ${text}… is put together; write the whole name, so that a search finds it`];
    if (!wellFormed.test(text) || notBase.test(text))
      return [`${at}: ${text} is not breakwater_<service>_<thing>_<unit>(_total)`];
    if (operations === undefined || documented.has(text)) return [];
    return [`${at}: ${text} is not in docs/operations.md`];
  });
  const inCode = new Set(named.map(({ text }) => text));
  const stale = [...documented]
    .filter((name) => !inCode.has(name.replace(/_(?:bucket|sum|count)$/, '')) && !inCode.has(name))
    .map((name) => `docs/operations.md: there is no metric ${name}`);
  return [...problems, ...stale];
}
