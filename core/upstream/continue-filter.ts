/**
 * Removes 100 (Continue) responses in front of a response. A client must cope with them even if it did not ask (RFC 9110
 * §15.2: other interim responses too, but those the parser knows); the client library takes one for a broken server and cuts
 * the connection. So the bytes of a connection pass through here on their way to its parser.
 *
 * It looks only at the first bytes after a request, never into a body, and changes nothing else: whatever it does not
 * recognise is the parser's to judge.
 */

export interface ContinueFilter {
  /** A request is being sent: the next bytes are the head of a response. */
  expectHead(): void;
  /** What of a received piece is for the parser; null: nothing yet. */
  pass(piece: Buffer | null): Buffer | null;
}

/** A longer interim head is left to the parser, which refuses it. */
const maxHeldBytes = 16 * 1024;

const START = Buffer.from('HTTP/1.1 100', 'latin1');
/** The minor version is free. */
const MINOR_VERSION_AT = 7;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const END = Buffer.from('\r\n\r\n', 'latin1');

export function createContinueFilter(): ContinueFilter {
  let isAtHead = false;
  let held: Buffer | undefined;
  return {
    expectHead() {
      isAtHead = true;
      held = undefined;
    },
    pass(piece) {
      if (!isAtHead || piece === null) return piece;
      let rest = held ? Buffer.concat([held, piece]) : piece;
      held = undefined;
      while (startsAsContinue(rest)) {
        const end = rest.length < START.length ? -1 : rest.indexOf(END);
        if (end === -1 && rest.length <= maxHeldBytes) {
          held = rest;
          return null;
        }
        if (end === -1) break;
        rest = rest.subarray(end + END.length);
        if (rest.length === 0) return null;
      }
      isAtHead = false;
      return rest;
    },
  };
}

/** Whether the bytes are, or as far as they go may become, the beginning of a 100 response. */
function startsAsContinue(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, START.length);
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== START[i] && i !== MINOR_VERSION_AT) return false;
  }
  const next = bytes[START.length];
  return next === undefined || next === SPACE || next === CARRIAGE_RETURN;
}
