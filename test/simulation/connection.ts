/** A connection between two simulated machines, with what each side knows of it. */
import type { Timer } from '../../core/runtime/deps.ts';
import type { DuplexHandlers } from '../../core/runtime/duplex.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface End {
  machine: string;
  process: SimulatedProcess;
  handlers: DuplexHandlers | undefined;
  isOpen: boolean;
  hasHeard: boolean;
  beat: Timer | undefined;
  /** When the last message that keeps its turn comes. */
  lastArrivalMs: number;
}

export interface Connection {
  ends: readonly [near: End, far: End];
  other(end: End): End;
  /** Sent while the line was cut. */
  held: { to: End; text: string }[];
  isClosing: Set<End>;
}

export function newConnection(near: End, far: End): Connection {
  return {
    ends: [near, far],
    other: (end) => (end === near ? far : near),
    held: [],
    isClosing: new Set(),
  };
}

export function newEnd(machine: string, process: SimulatedProcess): End {
  return {
    machine,
    process,
    handlers: undefined,
    isOpen: false,
    hasHeard: true,
    beat: undefined,
    lastArrivalMs: 0,
  };
}
