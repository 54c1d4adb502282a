/**
 * The grammar of master files (RFC 1035 §5.1) below the level of records: entries, each of one line unless parentheses join
 * several, made of tokens. The values of records in the configuration are such entries as well.
 */

/** Something that a person has written and that cannot be read as what it should be. */
export class TextError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TextError';
  }
}

export interface Token {
  /** As written, escapes included, quotes removed. */
  text: string;
  /** True when it began with a quote: then it is a string whatever it looks like. */
  isQuoted: boolean;
}

export interface Entry {
  /** Where it begins; the first line is 1. */
  line: number;
  /** Begins with white space: the owner is that of the entry before. */
  isIndented: boolean;
  tokens: Token[];
  /** Why it cannot be read. */
  problem?: string;
}

/** The tokens of one value. Throws TextError when it is none. */
export function tokensOf(text: string): Token[] {
  const [entry, ...more] = [...entriesOf(text)];
  if (more.length > 0) throw new TextError('it has several lines');
  if (entry?.problem !== undefined) throw new TextError(entry.problem);
  return entry?.tokens ?? [];
}

/** The entries of `text` that hold something, in their order. */
export function* entriesOf(text: string): Generator<Entry> {
  const cursor = { text, at: 0, line: 1 };
  while (cursor.at < text.length) {
    const entry = readEntry(cursor);
    if (entry.tokens.length > 0 || entry.problem !== undefined) yield entry;
  }
}

interface Cursor {
  readonly text: string;
  at: number;
  line: number;
}

/** Reads up to and with the line break that ends the entry. */
function readEntry(cursor: Cursor): Entry {
  const { text, line } = cursor;
  const entry: Entry = { line, isIndented: isBlank(text[cursor.at]), tokens: [] };
  let depth = 0;
  while (cursor.at < text.length) {
    const character = text[cursor.at] ?? '';
    if (character === '\n') {
      cursor.at += 1;
      cursor.line += 1;
      if (depth === 0) return entry;
    } else if (isBlank(character)) cursor.at += 1;
    else if (character === ';') skipComment(cursor);
    else if (character === '(' || character === ')') {
      cursor.at += 1;
      depth += character === '(' ? 1 : -1;
      if (depth < 0) entry.problem = 'a ")" without a "("';
      depth = Math.max(0, depth);
    } else {
      const { token, problem } = readToken(cursor);
      entry.tokens.push(token);
      if (problem !== undefined) entry.problem ??= problem;
    }
  }
  if (depth > 0) entry.problem = 'a "(" without a ")"';
  return entry;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r';
}

function skipComment(cursor: Cursor): void {
  const end = cursor.text.indexOf('\n', cursor.at);
  cursor.at = end < 0 ? cursor.text.length : end;
}

/** Without quotes and escapes, up to what ends it. */
const plainToken = /[^ \t\r\n;()"\\]+(?=[ \t\r\n;()]|$)/y;

/** A token ends with white space or a special character outside quotes; `key="a b"` is one (RFC 9460 §2.1). */
function readToken(cursor: Cursor): { token: Token; problem: string | undefined } {
  const { text } = cursor;
  // Nearly all tokens are plain; cut out whole they leave no garbage behind.
  plainToken.lastIndex = cursor.at;
  const [plain] = plainToken.exec(text) ?? [];
  if (plain !== undefined) {
    cursor.at += plain.length;
    return { token: { text: plain, isQuoted: false }, problem: undefined };
  }
  const token: Token = { text: '', isQuoted: text[cursor.at] === '"' };
  let isInside = false;
  for (; cursor.at < text.length; cursor.at += 1) {
    const character = text[cursor.at] ?? '';
    if (character === '"') isInside = !isInside;
    else if (character === '\n' && isInside) break;
    else if (!isInside && (isBlank(character) || '\n;()'.includes(character))) break;
    else if (character === '\\') {
      token.text += text.slice(cursor.at, cursor.at + 2);
      cursor.at += 1;
    } else token.text += character;
    // A quote that closes what one opened ends the token: `"a""b"` is two strings.
    if (character === '"' && !isInside && token.isQuoted) {
      cursor.at += 1;
      break;
    }
  }
  return { token, problem: isInside ? 'a quote is not closed' : undefined };
}

/** The bytes that a string means: `\DDD` is a byte, `\X` is X (RFC 1035 §5.1), the rest is UTF-8. */
export function stringBytes(text: string): Buffer {
  if (!text.includes('\\')) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    const end = next < 0 ? text.length : next;
    if (end > at) parts.push(Buffer.from(text.slice(at, end), 'utf8'));
    if (next < 0) break;
    const { byte, length } = escapeAt(text, next);
    parts.push(byte);
    at = next + length;
  }
  return Buffer.concat(parts);
}

function escapeAt(text: string, at: number): { byte: Buffer; length: number } {
  const digits = /^\d{1,3}/.exec(text.slice(at + 1))?.[0];
  if (digits !== undefined) {
    if (digits.length !== 3 || Number(digits) > 255) {
      throw new TextError(`"\\${digits}" is no escape: write three digits, at most 255`);
    }
    return { byte: Buffer.of(Number(digits)), length: 4 };
  }
  const character = [...text.slice(at + 1, at + 3)][0];
  if (character === undefined) throw new TextError('it ends within an escape');
  return { byte: Buffer.from(character, 'utf8'), length: 1 + character.length };
}
