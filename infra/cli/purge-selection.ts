/**
 * What `breakwater purge` is to purge: from its options and the lines of a file to the bodies of requests. Pure.
 *
 * Invariants: nothing selected is wrong usage and never everything; a file cannot say "everything"; a line that is not understood
 * refuses the whole file before anything is purged.
 */
import { usageError } from './command-error.ts';

export interface PurgeSelection {
  url: string[];
  tag: string[];
  prefix: string[];
  host: string[];
  all: boolean;
  soft: boolean;
  warm?: number;
}

type Kind = 'url' | 'tag' | 'prefix' | 'host';

interface Selector {
  kind: Kind;
  text: string;
}

/** The API's limits for one request: selectors, and bytes of its body with room for punctuation. */
const maxSelectors = 1000;
const maxTextBytes = 900 * 1024;

const kinds: readonly Kind[] = ['url', 'tag', 'prefix', 'host'];
const listOf = { url: 'urls', tag: 'tags', prefix: 'prefixes', host: 'hosts' } as const;

/** The selectors of a file: one on a line, `KIND TEXT`; empty lines and those that begin with # say nothing. */
export function parseSelectorLines(text: string, name: string): Selector[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(trimmed) ?? [];
    const kind = kinds.find((known) => known === word);
    if (kind === undefined || rest === '') {
      const expected = '"url URL", "tag TAG", "prefix URL" or "host HOST"';
      throw usageError(`${name}, line ${index + 1}: expected ${expected}; nothing was purged`);
    }
    return [{ kind, text: rest }];
  });
}

/** The bodies of `POST /v1/purges`, in order: normally one, more where there are more selectors than one request takes. */
export function purgeBodies(
  selection: PurgeSelection,
  fromFile: readonly Selector[] = [],
): Record<string, unknown>[] {
  const selectors = [
    ...kinds.flatMap((kind) => selection[kind].map((text) => ({ kind, text }))),
    ...fromFile,
  ];
  if (selectors.length === 0 && !selection.all) {
    throw usageError(
      'nothing to purge: give --url, --tag, --prefix, --host or --from-file, or --all',
    );
  }
  const { warm } = selection;
  const more = {
    ...(selection.soft ? { soft: true } : {}),
    ...(warm === undefined ? {} : { warm }),
  };
  // Everything includes whatever else is named.
  if (selection.all && selectors.length < maxSelectors) {
    return [{ ...bodyOf(selectors), everything: true, ...more }];
  }
  if (selection.all) return [{ everything: true, ...more }];
  const batches = batchesOf(selectors);
  // The hottest of each batch would not be the hottest of all.
  if (batches.length > 1 && warm !== undefined) {
    throw usageError('--warm takes as many selectors as one purge: 1,000');
  }
  return batches.map((batch) => ({ ...bodyOf(batch), ...more }));
}

function batchesOf(selectors: readonly Selector[]): Selector[][] {
  const batches: Selector[][] = [];
  let batch: Selector[] = [];
  let bytes = 0;
  for (const selector of selectors) {
    const more = Buffer.byteLength(JSON.stringify(selector.text)) + 1;
    if (batch.length > 0 && (batch.length >= maxSelectors || bytes + more > maxTextBytes)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(selector);
    bytes += more;
  }
  return [...batches, batch];
}

function bodyOf(selectors: readonly Selector[]): Record<string, string[]> {
  const lists = kinds.map((kind): [string, string[]] => [
    listOf[kind],
    selectors.filter((selector) => selector.kind === kind).map(({ text }) => text),
  ]);
  return Object.fromEntries(lists.filter(([, texts]) => texts.length > 0));
}
