/**
 * When a node acknowledged what: a short history, from which the evidence for a purge takes its times. Bounded; what has
 * been forgotten is still acknowledged, only its time is no longer known.
 */
import type { Position } from '../core/purge/command.ts';
import type { Acknowledgement } from './convergence.ts';

export interface AckLog {
  /** The last acknowledged position; null: none in the journal of now. */
  readonly position: Position | null;
  readonly acknowledgements: readonly Acknowledgement[];
  /** An `ack`. One that is older than the last changes nothing. */
  acknowledge(position: Position, appliedAtMs: number, receivedAtMs: number): void;
  /**
   * The position of a `hello`: what is up to it is acknowledged; what was acknowledged beyond it no longer is (a node may
   * roll back in a power cut).
   */
  begin(position: Position | null): void;
  /** The node must begin anew: nothing is acknowledged. */
  clear(): void;
}

/** Acknowledgements remembered for a node. */
export const maxAcknowledgements = 10_000;

/** Creates the log of a node that has not been heard of. */
export function createAckLog(): AckLog {
  let position: Position | null = null;
  let history: Acknowledgement[] = [];
  return {
    get position() {
      return position;
    },
    get acknowledgements() {
      return history;
    },
    acknowledge(next, appliedAtMs, receivedAtMs) {
      if (position?.identity !== next.identity) history = [];
      else if (next.seq <= position.seq) return;
      position = next;
      history.push({ seq: next.seq, appliedAtMs, receivedAtMs });
      if (history.length > maxAcknowledgements) history = shortened(history);
    },
    begin(said) {
      const upTo = said?.seq ?? 0;
      const isSameJournal = position !== null && position.identity === said?.identity;
      history = isSameJournal ? history.filter(({ seq }) => seq <= upTo) : [];
      position = said;
      if (upTo > 0 && history.at(-1)?.seq !== upTo) {
        history.push({ seq: upTo, appliedAtMs: null, receivedAtMs: null });
      }
    },
    clear() {
      position = null;
      history = [];
    },
  };
}

/** Drops the older half; the last of it stays, without its time, for whatever it covers. */
function shortened(history: readonly Acknowledgement[]): Acknowledgement[] {
  const [border, ...rest] = history.slice(history.length >> 1);
  return border ? [{ seq: border.seq, appliedAtMs: null, receivedAtMs: null }, ...rest] : rest;
}
