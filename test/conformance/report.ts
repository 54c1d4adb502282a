/** What the suite has found, for people and for machines: passed and total by group, set-up and level, and why a case failed. */
import type { Case, Group, Level } from './case.ts';
import type { SetupName } from './judge.ts';
import type { CaseResult } from './play.ts';

export interface Count {
  passed: number;
  total: number;
}

export type Score = Record<Level, Count>;

export interface Failure {
  setup: SetupName;
  id: string;
  group: string;
  level: Level;
  name: string;
  spec: string;
  problems: readonly string[];
}

export interface Report {
  groups: { name: string; scores: Partial<Record<SetupName, Score>> }[];
  total: Partial<Record<SetupName, Score>>;
  /** With `setCookie: refuse`, as shipped: cases that store responses with Set-Cookie fail there. */
  shipped: Partial<Record<SetupName, Score>>;
  failures: Failure[];
  /** Rules that are broken on purpose, and why. */
  bent: { id: string; name: string; reason: string }[];
}

/** What is to be complained of: a case that we break on purpose must fail, or it is no such case. */
export function complaints({ bent }: Case, problems: readonly string[]): readonly string[] {
  if (bent === undefined) return problems;
  return problems.length > 0 ? [] : ['passes, though it is said to be broken on purpose'];
}

const levels: readonly Level[] = ['required', 'optional', 'ours'];

/** Counts results. Cases that were not played do not count. */
export function reportOf(
  groups: readonly Group[],
  setups: readonly SetupName[],
  results: readonly CaseResult[],
): Report {
  const problems = new Map(results.map(({ stage, id, problems }) => [`${stage} ${id}`, problems]));
  const scoreOf = (cases: readonly Case[], setup: SetupName, isShipped = false): Score => {
    const score: Score = { required: none(), optional: none(), ours: none() };
    for (const { id, level } of cases) {
      const shipped = isShipped ? problems.get(`${setup}-shipped ${id}`) : undefined;
      const found = shipped ?? problems.get(`${setup} ${id}`);
      if (!found) continue;
      score[level].total += 1;
      if (found.length === 0) score[level].passed += 1;
    }
    return score;
  };
  const bySetup = (cases: readonly Case[], isShipped = false) =>
    Object.fromEntries(setups.map((setup) => [setup, scoreOf(cases, setup, isShipped)]));
  const all = groups.flatMap(({ cases }) => cases);
  return {
    groups: groups.map(({ name, cases }) => ({ name, scores: bySetup(cases) })),
    total: bySetup(all),
    shipped: bySetup(all, true),
    failures: setups.flatMap((setup) => failuresOf(groups, setup, problems)),
    bent: all
      .filter(({ id }) => setups.some((setup) => problems.has(`${setup} ${id}`)))
      .flatMap(({ id, name, bent }) => (bent === undefined ? [] : [{ id, name, reason: bent }])),
  };
}

function failuresOf(
  groups: readonly Group[],
  setup: SetupName,
  problems: ReadonlyMap<string, string[]>,
): Failure[] {
  return groups.flatMap((group) =>
    group.cases.flatMap((theCase) => {
      const { id, level, name, spec } = theCase;
      const found = problems.get(`${setup} ${id}`);
      const complained = found ? complaints(theCase, found) : [];
      if (complained.length === 0) return [];
      return [{ setup, id, group: group.name, level, name, spec, problems: complained }];
    }),
  );
}

/** The table, the two closing lines, and every failure. */
export function textOfReport(report: Report, setups: readonly SetupName[]): string {
  const columns = setups.flatMap((setup) => levels.map((level) => ({ setup, level })));
  const cells = (scores: Partial<Record<SetupName, Score>>) =>
    columns.map(({ setup, level }) => {
      const { passed, total } = scores[setup]?.[level] ?? none();
      return total === 0 ? '' : `${passed}/${total}`;
    });
  const rows = [
    ['', ...columns.map(({ setup }, index) => (index % 3 === 0 ? titles[setup] : ''))],
    ['', ...columns.map(({ level }) => level)],
    ...report.groups
      .map(({ name, scores }) => [name, ...cells(scores)])
      .filter(([, ...counts]) => counts.some((count) => count !== '')),
    ['all', ...cells(report.total)],
    ['as shipped *', ...cells(report.shipped)],
  ];
  const failures = report.failures.map(
    ({ setup, id, level, name, spec, problems }) =>
      `✖ ${id} (${titles[setup]}, ${level}, ${spec}): ${name}\n${indented(problems)}`,
  );
  const bent = report.bent.map(({ id, name, reason }) => `${id}: ${name} – ${reason}`);
  return [
    table(rows),
    '* with setCookie: refuse, where no response that sets a cookie is stored\n',
    ...(bent.length > 0 ? ['\nbroken on purpose\n', indented(bent)] : []),
    ...(failures.length > 0 ? ['\n', ...failures] : []),
  ].join('');
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join('');
}

const titles: Record<SetupName, string> = { edge: 'edge', tiers: 'edge → shield' };

function none(): Count {
  return { passed: 0, total: 0 };
}

function table(rows: readonly string[][]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
