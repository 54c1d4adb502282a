/** The events of `up` in words, for a person who watches; or as JSON, a line each, for a program. */
import { assertNever, type Clock } from '../../core/runtime/deps.ts';
import { roleName } from '../cli/role-names.ts';
import { formatTable } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { ProcessState, Report, UpEvent } from './events.ts';
import type { LineToTry, PageToBrowse } from './lines-to-try.ts';

/** One JSON object a line. */
export function createJsonReport(terminal: Terminal): Report {
  return (event) => terminal.line(JSON.stringify(event));
}

/** Words; while nodes start, a terminal shows a counting line. */
export function createWordReport(terminal: Terminal, clock: Clock): Report {
  let started = 0;
  let processes = 0;
  return (event) => {
    if (event.event === 'starting') {
      processes = event.processes;
      terminal.line(`Breakwater: the network "${event.network}" of ${event.file}`);
      terminal.progress(`starting ${processes} processes …`);
      return;
    }
    if (event.event === 'started') {
      started += 1;
      terminal.progress(`starting: ${started} of ${processes} run (${event.id})`);
      return;
    }
    terminal.progress('');
    if (event.event === 'failed') terminal.problem(event.reason);
    else for (const line of wordsOf(event, terminal, clock)) terminal.line(line);
  };
}

type Spoken = Exclude<UpEvent, { event: 'starting' | 'started' | 'failed' }>;

function wordsOf(event: Spoken, terminal: Terminal, clock: Clock): string[] {
  const { style } = terminal;
  const at = style('dim', new Date(clock.nowMs()).toTimeString().slice(0, 8));
  switch (event.event) {
    case 'ready':
      return readyWords(event, terminal);
    case 'waiting':
      return [
        ...stateTable(event.nodes, terminal),
        `All processes run, but some do not serve yet after ${seconds(event.waitedMs)}; still waiting.`,
      ];
    case 'ended': {
      const again = `starting it again in ${seconds(event.delayMs)}`;
      return [`${at} ${event.id} ended (${event.why}); ${again} (restart ${event.restart})`];
    }
    case 'restarted':
      return [`${at} ${event.id} runs again, as process ${event.pid}`];
    case 'reload':
      return [`${at} told ${event.told} processes to read the configuration again`];
    case 'reload-refused':
      return [`${at} not reloaded: ${event.reason}`];
    case 'note':
      return [`${at} ${event.text}`];
    case 'stopping':
      return [`${event.reason}: stopping the network …`];
    case 'stopped': {
      const { killed } = event;
      const had = killed.length === 0 ? '' : `; had to be killed: ${killed.join(', ')}`;
      return [`stopped in ${seconds(event.tookMs)}${had}`];
    }
    default:
      return assertNever(event);
  }
}

function readyWords(
  { tookMs, nodes, try: lines, browse }: UpEvent & { event: 'ready' },
  terminal: Terminal,
): string[] {
  const { style } = terminal;
  return [
    '',
    ...stateTable(nodes, terminal),
    '',
    `${style('green', 'Ready')} in ${seconds(tookMs)}. Ctrl-C stops all of it. Lines to try, in another terminal:`,
    ...lines.flatMap(({ shows, command }: LineToTry) => [
      '',
      `  ${style('dim', shows)}`,
      `  ${style('bold', command)}`,
    ]),
    ...(browse.length === 0 ? [] : browseWords(browse, terminal)),
    '',
  ];
}

function browseWords(pages: readonly PageToBrowse[], { style }: Terminal): string[] {
  const places = pages.map(({ url, place }) => `${style('bold', url)} (${place})`);
  return [
    '',
    `  ${style('dim', 'In a browser, the site as each PoP serves it')}`,
    `  ${places.join('  ')}`,
  ];
}

function stateTable(nodes: readonly ProcessState[], terminal: Terminal): string[] {
  const rows = nodes.map((node) => [
    node.id,
    roleName(node.role),
    node.place,
    node.listen,
    node.admin ?? '',
    node.state === 'ready'
      ? terminal.style('green', 'ready')
      : terminal.style('yellow', `${node.state}${node.reason ? `: ${node.reason}` : ''}`),
  ]);
  return formatTable(['NODE', 'ROLE', 'PLACE', 'ADDRESS', 'ADMIN', 'STATE'], rows);
}

/** `2.3 s`, or `0.25 s` below one. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
}
