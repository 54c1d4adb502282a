/**
 * Removes 100 (Continue) responses in front of a response. A client must cope with them even if it did not ask (RFC 9110
 * §15.2: other interim responses too, but those the parser knows); the client library takes one for a broken server and cuts
 * the connection. So the bytes of a connection pass through here on their way to its parser.
 *
 * It looks only at interim responses after a request, and at the version of the response behind them, which the parser does not
 * tell. It changes nothing else: whatever it does not recognise is the parser's to judge.
 */

export interface ContinueFilter {
  /** A request is being sent: the next bytes are the head of a response. */
  expectHead(): void;
  /** What of a received piece is for the parser; null: nothing yet. */
  pass(piece: Buffer | null): Buffer | null;
  /** What the response behind the interim ones begins with, `HTTP/1.1` as a rule; undefined: not known. */
  readonly version: string | undefined;
}

/** A longer interim head is left to the parser, which refuses it. */
const maxHeldBytes = 16 * 1024;

const START = Buffer.from('HTTP/1.1 1', 'latin1');
/** The minor version is free. */
const MINOR_VERSION_AT = 7;
const VERSION_END = 8;
const STATUS_AT = 9;
const STATUS_END = 12;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const END = Buffer.from('\r\n\r\n', 'latin1');

export function createContinueFilter(): ContinueFilter {
  let isAtHead = false;
  let held: Buffer | undefined;
  let version: string | undefined;
  return {
    get version() {
      return version;
    },
    expectHead() {
      isAtHead = true;
      held = undefined;
      version = undefined;
    },
    pass(piece) {
      if (!isAtHead || piece === null) return piece;
      let rest = held ? Buffer.concat([held, piece]) : piece;
      held = undefined;
      const passed: Buffer[] = [];
      while (rest.length > 0 && startsAsInterim(rest)) {
        const end = rest.indexOf(END);
        if (end === -1 && rest.length <= maxHeldBytes) {
          held = rest;
          return joined(passed);
        }
        if (end === -1) break;
        const next = end + END.length;
        if (!isContinue(rest)) passed.push(rest.subarray(0, next));
        rest = rest.subarray(next);
      }
      isAtHead = rest.length === 0;
      if (!isAtHead) version = versionOf(rest);
      return passed.length === 0 && !isAtHead ? rest : joined([...passed, rest]);
    },
  };
}

/** Whether the bytes are, or as far as they go may become, the beginning of an interim response after which others follow. */
function startsAsInterim(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, START.length);
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== START[i] && i !== MINOR_VERSION_AT) return false;
  }
  const next = bytes[STATUS_END];
  return next === undefined || next === SPACE || next === CARRIAGE_RETURN;
}

function isContinue(bytes: Buffer): boolean {
  return bytes.toString('latin1', STATUS_AT, STATUS_END) === '100';
}

/** A line end before a response is none of its version, and the parser passes over it. */
function versionOf(bytes: Buffer): string | undefined {
  const isLineEnd = bytes[0] === CARRIAGE_RETURN || bytes[0] === LINE_FEED;
  return isLineEnd ? undefined : bytes.toString('latin1', 0, VERSION_END);
}

function joined(pieces: readonly Buffer[]): Buffer | null {
  const bytes = Buffer.concat(pieces);
  return bytes.length === 0 ? null : bytes;
}
