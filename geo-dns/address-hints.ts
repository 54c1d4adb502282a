/**
 * Address hints of HTTPS and SVCB records (RFC 9460 §7.3) at names that are answered with PoPs. A client may connect to a
 * hint before it has asked for addresses, so the hints have to be those of the PoP that it would be told. A record without
 * hints gets none, and one that names another target keeps its own.
 */
import { nameKey } from '../core/dns/name.ts';
import { type ResourceRecord, type ServiceParam, serviceKeys } from '../core/dns/record.ts';
import { numbersOf } from '../core/dns/service-params.ts';
import { parseAddress } from '../core/runtime/addresses.ts';

const hintKeys: readonly number[] = [serviceKeys.ipv4hint, serviceKeys.ipv6hint];

/** Whether `record` has hints of the addresses of its own name. */
export function hasOwnHints({ name, data }: ResourceRecord): boolean {
  if (data.type !== 'HTTPS' && data.type !== 'SVCB') return false;
  const isOwn = data.target === '' || nameKey(data.target) === nameKey(name);
  return isOwn && data.params.some(({ key }) => hintKeys.includes(key));
}

/** `record` with `addresses` as hints, where it has own ones. A family without an address loses its hint. */
export function tailored(record: ResourceRecord, addresses: readonly string[]): ResourceRecord {
  const { data } = record;
  if (!hasOwnHints(record) || (data.type !== 'HTTPS' && data.type !== 'SVCB')) return record;
  const params = data.params.flatMap(({ key, value }): ServiceParam[] => {
    if (!hintKeys.includes(key)) return [{ key, value }];
    const hints = bytesOf(addresses, key === serviceKeys.ipv4hint ? 4 : 6);
    return hints.length > 0 ? [{ key, value: hints }] : [];
  });
  return { ...record, data: { ...data, params: params.flatMap(withoutMissing(params)) } };
}

function bytesOf(addresses: readonly string[], family: 4 | 6): Buffer {
  return Buffer.concat(
    addresses.flatMap((text) => {
      const address = parseAddress(text);
      return address?.family === family ? [Buffer.from(address.bytes)] : [];
    }),
  );
}

/** "mandatory" names only what is there (RFC 9460 §8). */
function withoutMissing(params: readonly ServiceParam[]) {
  const keys = new Set(params.map(({ key }) => key));
  return (param: ServiceParam): ServiceParam[] => {
    if (param.key !== serviceKeys.mandatory) return [param];
    const left = numbersOf(param.value).filter((key) => keys.has(key));
    const value = Buffer.alloc(left.length * 2);
    for (const [index, key] of left.entries()) value.writeUInt16BE(key, index * 2);
    return left.length > 0 ? [{ key: param.key, value }] : [];
  };
}
