/** Plain tables for a terminal: left-aligned columns, two blanks between them. Colour does not count as width. */
import { stripVTControlCharacters } from 'node:util';

const gap = '  ';

/** The header line and one line for each row. A column that is empty in every row is left out. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const columns = header.flatMap((_, column) =>
    rows.some((row) => (row[column] ?? '') !== '') ? [column] : [],
  );
  const lines = [header, ...rows].map((row) => columns.map((column) => row[column] ?? ''));
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => widthOf(line[index] ?? ''))),
  );
  return lines.map((line) =>
    line
      .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - widthOf(cell)))
      .join(gap)
      .trimEnd(),
  );
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
