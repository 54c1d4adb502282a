/**
 * The parameters of HTTPS and SVCB records as text (RFC 9460 §2.1): `alpn=h2,h3 port=8443 ipv4hint=192.0.2.1`. Values of keys
 * that we do not know (`ech`, `key667`) are strings, carried as their bytes.
 */
import { parseAddress } from '../runtime/addresses.ts';
import { type ServiceParam, serviceKeys } from './record.ts';
import { stringBytes, TextError } from './text.ts';

const keyNames = new Map<string, number>([
  ['mandatory', serviceKeys.mandatory],
  ['alpn', serviceKeys.alpn],
  ['no-default-alpn', serviceKeys.noDefaultAlpn],
  ['port', serviceKeys.port],
  ['ipv4hint', serviceKeys.ipv4hint],
  ['ech', serviceKeys.ech],
  ['ipv6hint', serviceKeys.ipv6hint],
]);

/** The parameters that `words` say, in the order of the wire. Throws TextError. */
export function parseServiceParams(words: readonly string[]): ServiceParam[] {
  const params = words.map(parseParam).sort((a, b) => a.key - b.key);
  const twice = params.find(({ key }, index) => params[index - 1]?.key === key);
  if (twice) throw new TextError(`the parameter ${keyName(twice.key)} is given twice`);
  const has = (key: number) => params.some((param) => param.key === key);
  if (has(serviceKeys.noDefaultAlpn) && !has(serviceKeys.alpn)) {
    throw new TextError('no-default-alpn needs alpn'); // RFC 9460 §7.1.1
  }
  // "mandatory" names other keys, all there (§8).
  const mandatory = params.find(({ key }) => key === serviceKeys.mandatory)?.value;
  const named = mandatory ? numbersOf(mandatory) : [];
  for (const [index, key] of named.entries()) {
    if (named[index - 1] === key) throw new TextError(`mandatory names ${keyName(key)} twice`);
    if (key === serviceKeys.mandatory) throw new TextError('mandatory does not name itself');
    if (!has(key)) throw new TextError(`mandatory names ${keyName(key)}, which is missing`);
  }
  return params;
}

/** The numbers of 16 bits that the value of `mandatory` lists. */
export function numbersOf(value: Uint8Array): number[] {
  const bytes = Buffer.from(value);
  return Array.from({ length: bytes.length >> 1 }, (_, index) => bytes.readUInt16BE(index * 2));
}

function keyName(key: number): string {
  return [...keyNames].find(([, code]) => code === key)?.[0] ?? `key${key}`;
}

function parseParam(word: string): ServiceParam {
  const [, name = '', rawValue] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const key = keyOf(name);
  return { key, value: encodeValue(key, name, rawValue) };
}

function keyOf(name: string): number {
  const known = keyNames.get(name);
  if (known !== undefined) return known;
  const number = /^key(0|[1-9]\d{0,4})$/.exec(name)?.[1];
  // 65535 is reserved as an invalid key (§14.3.2).
  if (number !== undefined && Number(number) < 65_535) return Number(number);
  throw new TextError(`"${name}" is no parameter: write alpn, port …, or key667`);
}

function encodeValue(key: number, name: string, raw: string | undefined): Buffer {
  if (key === serviceKeys.noDefaultAlpn) {
    if (raw !== undefined) throw new TextError('no-default-alpn has no value');
    return Buffer.alloc(0);
  }
  if (raw === undefined || raw === '') {
    if (keyNames.has(name)) throw new TextError(`${name} needs a value`);
    return Buffer.alloc(0);
  }
  switch (key) {
    case serviceKeys.mandatory:
      return uint16s(
        raw
          .split(',')
          .map(keyOf)
          .sort((a, b) => a - b),
      );
    case serviceKeys.alpn:
      return alpnValue(raw);
    case serviceKeys.port:
      if (!/^\d{1,5}$/.test(raw) || Number(raw) > 65_535) {
        throw new TextError(`"${raw}" is no port`);
      }
      return uint16s([Number(raw)]);
    case serviceKeys.ipv4hint:
      return addresses(raw, 4);
    case serviceKeys.ipv6hint:
      return addresses(raw, 6);
    case serviceKeys.ech:
      return Buffer.from(raw, 'base64'); // §9: in its text form Base64
    default:
      return stringBytes(raw);
  }
}

function uint16s(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function addresses(text: string, family: 4 | 6): Buffer {
  const bytes = text.split(',').map((item) => {
    const address = parseAddress(item);
    if (address?.family !== family) throw new TextError(`"${item}" is no IPv${family} address`);
    return Buffer.from(address.bytes);
  });
  return Buffer.concat(bytes);
}

/** Protocol identifiers, each behind its length. A comma within one is escaped, on top of the string's own escapes (§A.1). */
function alpnValue(text: string): Buffer {
  const list = stringBytes(text).toString('latin1');
  const ids = (list.match(/(\\.|[^,\\])+|(?<=^|,)(?=,|$)/gs) ?? []).map((id) =>
    Buffer.from(id.replace(/\\(.)/gs, '$1'), 'latin1'),
  );
  const wrong = ids.find((id) => id.length === 0 || id.length > 255);
  if (wrong) throw new TextError('alpn lists protocols of 1 to 255 bytes, such as h2,h3');
  return Buffer.concat(ids.flatMap((id) => [Buffer.of(id.length), id]));
}
