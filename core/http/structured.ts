/**
 * Structured Field Values (RFC 9651): the one door to the package structured-headers. Parsing is its
 * work; a parse error is undefined here, because every field that uses it says "ignore the field".
 * Writing is ours: the hot path adds two members a response, and they need only tokens, strings and
 * integers.
 */
import { type Dictionary, type List, parseDictionary, parseList, Token } from 'structured-headers';

export type { Dictionary, List };

/** A dictionary, or undefined when the text breaks the strict grammar (RFC 9651 §4.2). */
export function parseStructuredDictionary(text: string): Dictionary | undefined {
  try {
    return parseDictionary(text);
  } catch {
    // The package's only signal for bad syntax; the callers treat the field as absent and say so.
    return undefined;
  }
}

/** A list, or undefined when the text breaks the strict grammar. */
export function parseStructuredList(text: string): List | undefined {
  try {
    return parseList(text);
  } catch {
    // As above.
    return undefined;
  }
}

/** Whether a parsed bare item is a Token, as in `no-cache=foo`. */
export function isStructuredToken(value: unknown): value is Token {
  return value instanceof Token;
}

/** A String (RFC 9651 §4.1.6); what it cannot hold (control and non-ASCII characters) becomes '?'. */
export function formatString(text: string): string {
  let result = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) result += '?';
    else if (code === 0x22 || code === 0x5c) result += `\\${text[i]}`;
    else result += text[i];
  }
  return `${result}"`;
}

/** A Token if the text is one (RFC 9651 §3.3.4), else a String. */
export function formatTokenOrString(text: string): string {
  return isToken(text) ? text : formatString(text);
}

function isToken(text: string): boolean {
  if (text === '') return false;
  for (let i = 0; i < text.length; i++) {
    if (!(i === 0 ? isTokenStart(text.charCodeAt(i)) : isTokenPart(text.charCodeAt(i)))) {
      return false;
    }
  }
  return true;
}

function isTokenStart(code: number): boolean {
  return isAlpha(code) || code === 0x2a;
}

function isTokenPart(code: number): boolean {
  return isAlpha(code) || (code >= 0x30 && code <= 0x39) || tokenPunctuation.has(code);
}

function isAlpha(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

const tokenPunctuation = new Set([...":/!#$%&'*+-.^_`|~"].map((char) => char.charCodeAt(0)));
