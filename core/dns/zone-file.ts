/**
 * Zone files (master files, RFC 1035 §5): from text to records, with every problem at its line. Other files are never
 * opened from within one: `$INCLUDE` is refused, so that a zone is what its file shows.
 */
import { WireError } from './buffer.ts';
import { parseSeconds } from './fields.ts';
import { isWithin, type Name, nameKey, nameOf } from './name.ts';
import { isTextType, parseRdata, type TextData } from './rdata-text.ts';
import { type Entry, entriesOf, TextError, type Token } from './text.ts';

export interface ZoneFileRecord {
  /** Whole and in lower case. */
  owner: Name;
  ttlSeconds: number;
  data: TextData;
  line: number;
}

export interface ZoneFileProblem {
  line: number;
  message: string;
}

export interface ZoneFileText {
  records: ZoneFileRecord[];
  problems: ZoneFileProblem[];
}

/** What an entry means depends on those before it. */
interface State {
  origin: Name;
  /** `$TTL` (RFC 2308 §4). */
  defaultTtl: number | undefined;
  lastTtl: number | undefined;
  lastOwner: Name | undefined;
}

/** Reads the records of the zone `apex`. A record that no TTL was stated for or before has `ttlSeconds`. */
export function parseZoneFile(
  text: string,
  { apex, ttlSeconds }: { apex: Name; ttlSeconds: number },
): ZoneFileText {
  const state: State = {
    origin: apex,
    defaultTtl: undefined,
    lastTtl: undefined,
    lastOwner: undefined,
  };
  const found: ZoneFileText = { records: [], problems: [] };
  for (const entry of entriesOf(text)) {
    try {
      const record = takeEntry(state, entry, apex, ttlSeconds);
      if (record) found.records.push(record);
    } catch (error) {
      if (!(error instanceof TextError || error instanceof WireError)) throw error;
      found.problems.push({ line: entry.line, message: error.message });
    }
  }
  return found;
}

function takeEntry(
  state: State,
  entry: Entry,
  apex: Name,
  ttlSeconds: number,
): ZoneFileRecord | undefined {
  if (entry.problem !== undefined) throw new TextError(entry.problem);
  const [first] = entry.tokens;
  if (!entry.isIndented && first && !first.isQuoted && first.text.startsWith('$')) {
    takeDirective(state, first.text.toUpperCase(), entry.tokens.slice(1));
    return undefined;
  }
  const owner = takeOwner(state, entry, apex);
  const { ttl, type, rest } = headOf(entry.isIndented ? entry.tokens : entry.tokens.slice(1));
  state.lastTtl = ttl ?? state.lastTtl;
  const data = readData(type, rest, state.origin);
  const ownTtl = ttl ?? state.defaultTtl ?? state.lastTtl ?? ttlSeconds;
  return { owner, ttlSeconds: ownTtl, data, line: entry.line };
}

function takeDirective(state: State, directive: string, tokens: readonly Token[]): void {
  const [{ text } = { text: '' }, ...more] = tokens;
  const isPlain = text !== '' && more.length === 0;
  if (directive === '$ORIGIN' && isPlain) {
    state.origin = nameOf(text, state.origin);
    return;
  }
  if (directive === '$TTL' && isPlain) {
    state.defaultTtl = parseSeconds(text);
    if (state.defaultTtl === undefined) throw new TextError(`"${text}" is no TTL`);
    return;
  }
  if (directive === '$INCLUDE') throw new TextError('$INCLUDE is not followed: a zone is one file');
  const known = directive === '$ORIGIN' || directive === '$TTL';
  throw new TextError(known ? `${directive} has one value` : `${directive} is not known`);
}

function takeOwner(state: State, entry: Entry, apex: Name): Name {
  if (entry.isIndented) {
    if (state.lastOwner === undefined) throw new TextError('there is no owner to repeat');
    return state.lastOwner;
  }
  // Until a good name comes, lines that repeat the owner have none.
  state.lastOwner = undefined;
  const owner = nameKey(nameOf(entry.tokens[0]?.text ?? '', state.origin));
  if (!isWithin(owner, nameKey(apex))) throw new TextError(`"${owner}" is not within ${apex}`);
  state.lastOwner = owner;
  return owner;
}

/** TTL and class may be left out and come in either order (RFC 1035 §5.1). */
function headOf(tokens: readonly Token[]): { ttl?: number; type: string; rest: readonly Token[] } {
  let ttl: number | undefined;
  let hasClass = false;
  for (const [index, { text, isQuoted }] of tokens.entries()) {
    const word = text.toUpperCase();
    const seconds = isQuoted ? undefined : parseSeconds(text);
    if (seconds !== undefined && ttl === undefined) ttl = seconds;
    else if (word === 'IN' && !hasClass) hasClass = true;
    else if (['CH', 'HS', 'CS'].includes(word) || /^CLASS\d+$/.test(word)) {
      throw new TextError(`the class ${word}: only IN is served`);
    } else {
      return { ...(ttl === undefined ? {} : { ttl }), type: word, rest: tokens.slice(index + 1) };
    }
  }
  throw new TextError('the type is missing');
}

function readData(type: string, tokens: readonly Token[], origin: Name): TextData {
  if (!isTextType(type)) throw new TextError(refusalOf(type));
  try {
    return parseRdata(type, tokens, origin);
  } catch (error) {
    if (error instanceof TextError) throw new TextError(`${type}: ${error.message}`);
    throw error;
  }
}

function refusalOf(type: string): string {
  const made = ['RRSIG', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'DNSKEY', 'CDS', 'CDNSKEY'];
  if (made.includes(type)) return `${type} is made by the server: give the zone unsigned`;
  return `"${type}" is no type of record`;
}
