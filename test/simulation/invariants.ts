/**
 * What must hold of a history, whatever has happened to the network (DESIGN section 4). Each check takes one observation and
 * says what is wrong with it.
 */
import type { Position } from '../../core/purge/command.ts';
import type { Floor, Ledger } from './ledger.ts';
import type { Page } from './simulated-origin.ts';
import { revalidateMs } from './simulated-topology.ts';

/** A read as it began. */
export interface Begun {
  node: string;
  page: Page;
  atMs: number;
  /** Whether the node held a lease. */
  isHeld: boolean;
  /** Up to where its worker had applied the journal. */
  cursor: Position;
  /** The last position that the node has acknowledged, in whatever process. */
  acknowledged: Position | undefined;
  /** Its wall clock has been set back a moment ago. */
  isSetBack: boolean;
}

/** The head that came of it. */
export interface Answered {
  version: number;
  isFresh: boolean;
  /** It says of itself that it was not validated for want of a lease. */
  isUnvalidated: boolean;
}

/** Clocks of a machine may run so much slower than the world's. */
const slowest = 1.05;

/** What a read shows of a broken promise; undefined: nothing. */
export function judgeRead(begun: Begun, answered: Answered, ledger: Ledger): string | undefined {
  const { page, cursor, isHeld, atMs, acknowledged } = begun;
  if (isHeld && acknowledged && ledger.isBehind(cursor, acknowledged)) {
    return `under lease at ${cursor.seq}, behind what it acknowledged (${acknowledged.seq})`;
  }
  const own = ledger.floorsAt(cursor)[page];
  const atCursor = below(answered, own);
  if (atCursor) return `${atCursor} at cursor ${cursor.seq}`;
  if (isHeld) {
    const declared = below(answered, ledger.convergedFloor(page, atMs));
    return declared && `${declared} after it had converged, under lease`;
  }
  // Its origin could not be asked: said in the answer. A clock that was set back shortens what it measures.
  if (answered.isUnvalidated || begun.isSetBack) return undefined;
  const agoMs = revalidateMs * slowest + 1;
  const recent = below(answered, ledger.convergedFloor(page, atMs - agoMs));
  return recent && `${recent} more than a moment after it had converged, without a lease`;
}

function below({ version, isFresh }: Answered, { hard, soft }: Floor): string | undefined {
  if (version < hard) return `gives version ${version}, purged by ${hard}`;
  if (isFresh && version < soft) return `gives version ${version} as fresh, soft-purged by ${soft}`;
  return undefined;
}
