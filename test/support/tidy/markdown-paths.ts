/** Paths in documents: what a link or a code span names must exist, since a reader will look for it. */
import path from 'node:path';

export interface Document {
  /** Relative to the repository. */
  file: string;
  text: string;
}

const topLevel = 'core|edge|origin-shield|geo-dns|purge-api|infra|test|docs|\\.ci';
const link = /\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;
/** `core/http/date.ts`, `docs/adr/`; not a pattern, a placeholder, or a command with blanks. */
const span = new RegExp(`\`((?:${topLevel})/[\\w./-]*)\``, 'g');

/** @param exists whether there is such a file or folder, by its path from the repository's root */
export function findDeadPaths(documents: Document[], exists: (file: string) => boolean): string[] {
  return documents.flatMap(({ file, text }) => {
    const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, ''));
    const at = (index: number) => `${file}:${prose.slice(0, index).split('\n').length}`;
    const links = [...prose.matchAll(link)].flatMap(({ 1: target = '', index }) => {
      const [relative = ''] = target.split('#');
      if (relative === '' || /^[a-z]+:/i.test(target)) return [];
      const inRepository = path.posix.join(path.posix.dirname(file), decodeURI(relative));
      return exists(inRepository) ? [] : [`${at(index)}: link to ${target}, which does not exist`];
    });
    const spans = [...prose.matchAll(span)].flatMap(({ 1: named = '', index }) => {
      // `core/upstream/dial` names the file by its concept.
      const isThere = exists(named) || exists(`${named}.ts`);
      return isThere ? [] : [`${at(index)}: ${named} does not exist`];
    });
    return [...links, ...spans];
  });
}
