/**
 * An answer as those get it who ask for signatures (DO, RFC 3225): each RRset of a signed zone with its RRSIG, and what is not there
 * with the proof of it. What a wildcard gave is signed under the name that was asked for, so it needs no proof of its own.
 */
import { isWithin, nameKey } from '../../core/dns/name.ts';
import { type ResourceRecord, recordTypes, typeOf } from '../../core/dns/record.ts';
import type { Answered } from '../answer.ts';
import { type Message, rcodes } from '../wire/message.ts';
import type { Query } from '../wire/query.ts';
import type { Zone } from '../zone.ts';
import { type Denial, nsecOf } from './denial.ts';
import type { SigningKey } from './keys.ts';
import type { Signer } from './signer.ts';

/** Undefined: there are no signatures to be had now for who has not shown that it is no forger (`isProven`). */
export type SignAnswer = (
  query: Query,
  answered: Answered,
  isProven: boolean,
) => Message | undefined;

type Sign = Signer['signBounded'];

export function createSignAnswer(signer: Signer): SignAnswer {
  return (query, { message, zones = [], denial }, isProven) => {
    if (!query.edns?.dnssecOk || !zones.some(({ keys }) => keys)) return message;
    const proven = denial?.zone.keys ? withProof(message, query, denial) : message;
    const sign = isProven ? signer.sign : signer.signBounded;
    const answers = signed(sign, zones, proven.answers);
    const authorities = answers && signed(sign, zones, proven.authorities);
    return authorities && { ...proven, answers, authorities };
  };
}

/** The message with its proof, not yet signed. */
function withProof(message: Message, query: Query, denial: Denial): Message {
  const { edns } = message;
  const { NSEC, DS } = recordTypes;
  if (denial.kind === 'delegation') {
    // DS or the proof that there is none: signed or not, the other side's state is told (RFC 4035 §3.1.4).
    const ds = denial.zone.nodes.get(denial.name)?.rrsets.get(DS);
    const proof = ds ?? [nsecOf(denial.name, denial.types, denial.zone.negativeSoa.ttlSeconds)];
    return { ...message, authorities: [...message.authorities, ...proof] };
  }
  const [soa] = message.authorities;
  const nsec = nsecOf(
    denial.name,
    denial.kind === 'nxdomain' ? undefined : denial.types,
    soa?.ttlSeconds ?? denial.zone.negativeSoa.ttlSeconds, // RFC 9077 §3
    query.question.type,
  );
  if (denial.kind === 'nodata' && query.question.type === NSEC) {
    return { ...message, answers: [...message.answers, nsec], authorities: [] };
  }
  const proven = { ...message, authorities: [...message.authorities, nsec] };
  if (denial.kind !== 'nxdomain') return proven;
  // The code says NXDOMAIN only to those who know that the proof says "no data" then (RFC 9824 §5.1).
  const isKnown = query.edns?.compactOk === true;
  const rcode = isKnown ? rcodes.NXDOMAIN : rcodes.NOERROR;
  return {
    ...proven,
    header: { ...message.header, rcode },
    ...(edns && isKnown ? { edns: { ...edns, compactOk: true } } : {}),
  };
}

/** Each RRset followed by its signatures; undefined when one could not be had. */
function signed(
  sign: Sign,
  zones: readonly Zone[],
  records: readonly ResourceRecord[],
): ResourceRecord[] | undefined {
  const rrsets = new Map<string, ResourceRecord[]>();
  for (const record of records) {
    const key = `${typeOf(record.data)} ${nameKey(record.name)}`;
    const known = rrsets.get(key);
    if (known) known.push(record);
    else rrsets.set(key, [record]);
  }
  const dnames = records.filter(({ data }) => data.type === 'DNAME').map(({ name }) => name);
  const whole: ResourceRecord[] = [];
  for (const rrset of rrsets.values()) {
    whole.push(...rrset);
    const [first] = rrset;
    if (!first || isUnsigned(first, zones, dnames)) continue;
    const zone = zoneOf(zones, first);
    for (const key of zone ? keysFor(zone, first) : []) {
      const signature = zone && sign(zone.name, key, rrset);
      if (!signature) return undefined;
      whole.push(signature);
    }
  }
  return whole;
}

/** NS of a delegation is the other side's (RFC 4035 §2.2), and the alias that a DNAME means follows from it (RFC 6672 §5.3.1). */
function isUnsigned(
  { name, data }: ResourceRecord,
  zones: readonly Zone[],
  dnames: readonly string[],
): boolean {
  const key = nameKey(name);
  if (data.type === 'NS') return !zones.some((zone) => zone.name === key);
  if (data.type !== 'CNAME') return false;
  return dnames.some((dname) => key !== nameKey(dname) && isWithin(key, nameKey(dname)));
}

/** The innermost of the zones that the answer came from. */
function zoneOf(zones: readonly Zone[], { name }: ResourceRecord): Zone | undefined {
  const around = zones.filter((zone) => isWithin(nameKey(name), zone.name));
  return around.sort((a, b) => b.name.length - a.name.length)[0];
}

/** What leads from the parent to the keys is signed by all of them, everything else by the active one. */
function keysFor({ keys }: Zone, { data }: ResourceRecord): readonly SigningKey[] {
  if (!keys) return [];
  const { DNSKEY, CDS, CDNSKEY } = recordTypes;
  const types: readonly number[] = [DNSKEY, CDS, CDNSKEY];
  return types.includes(typeOf(data)) ? keys.published : [keys.active];
}
