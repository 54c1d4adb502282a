/**
 * The Host field and the authority of a URL (RFC 9110 §7.2, RFC 3986 §3.2), stricter than the grammar:
 * the names that DNS and certificates know, IPv4 and IPv6 literals, and a port. User information,
 * percent-encoding and anything else that two parsers could read differently is refused.
 */

/** Host in lower case (IPv6 in brackets), and the port if one was given. */
export type HostPort = { readonly host: string; readonly port?: number };

/** The host and port of a text, or undefined when it is none. A dot at the end is dropped. */
export function parseHost(text: string): HostPort | undefined {
  const isLiteral = text.charCodeAt(0) === 0x5b;
  const hostEnd = isLiteral ? text.indexOf(']') + 1 : text.indexOf(':');
  if (isLiteral && hostEnd === 0) return undefined;
  const end = hostEnd === -1 ? text.length : hostEnd;
  const host = isLiteral ? ipv6Literal(text.slice(0, end)) : registeredName(text.slice(0, end));
  if (host === undefined) return undefined;
  const rest = text.slice(end);
  // "host:" is the same as "host" (RFC 3986 §3.2.3).
  if (rest === '' || rest === ':') return { host };
  const port = rest.charCodeAt(0) === 0x3a ? parsePort(rest.slice(1)) : undefined;
  return port === undefined ? undefined : { host, port };
}

const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

/** Labels of letters, digits, '-' and '_' (RFC 1123 §2.1; '_' occurs in practice), none empty. */
function registeredName(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return undefined;
  let labelLength = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) {
      if (labelLength === 0) return undefined;
      labelLength = 0;
    } else if (!isNameCharacter(code) || ++labelLength > MAX_LABEL_LENGTH) {
      return undefined;
    }
  }
  return labelLength === 0 ? undefined : name.toLowerCase();
}

function isNameCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f
  );
}

function parsePort(text: string): number | undefined {
  if (text.length > 5) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** "[…]" with an IPv6 address (RFC 3986 §3.2.2; no zone), in lower case but not shortened. */
function ipv6Literal(text: string): string | undefined {
  const address = text.slice(1, -1);
  if (address.length < 2 || address.length > 45) return undefined;
  const halves = address.split('::');
  if (halves.length > 2) return undefined;
  const isCompressed = halves.length === 2;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    const count = countGroups(half, index === halves.length - 1);
    if (count === undefined) return undefined;
    groups += count;
  }
  const isComplete = isCompressed ? groups <= 7 : groups === 8;
  return isComplete ? text.toLowerCase() : undefined;
}

/** How many 16-bit groups a part without "::" spells; the last part may end in an IPv4 address. */
function countGroups(part: string, isLast: boolean): number | undefined {
  if (part === '') return 0;
  const pieces = part.split(':');
  let count = 0;
  for (const [index, piece] of pieces.entries()) {
    if (piece.includes('.')) {
      if (!isLast || index !== pieces.length - 1 || !isIpv4(piece)) return undefined;
      count += 2;
    } else {
      if (!isHexGroup(piece)) return undefined;
      count += 1;
    }
  }
  return count;
}

function isHexGroup(piece: string): boolean {
  if (piece.length === 0 || piece.length > 4) return false;
  for (let i = 0; i < piece.length; i++) {
    if (!isHexDigit(piece.charCodeAt(i))) return false;
  }
  return true;
}

/** 0-9, a-f, A-F */
export function isHexDigit(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66)
  );
}

function isIpv4(text: string): boolean {
  const octets = text.split('.');
  return octets.length === 4 && octets.every(isOctet);
}

function isOctet(text: string): boolean {
  if (text.length === 0 || text.length > 3) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return Number(text) <= 255 && (text.length === 1 || text.charCodeAt(0) !== 0x30);
}
