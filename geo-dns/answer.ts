/**
 * From a decoded query to the message that answers it: the one control flow of the DNS path. Pure: zones, the standing of
 * the PoPs and the locate function come in as they are at this moment, and the same input always gives the same answer, but
 * for `round-robin`, which counts its turns.
 *
 *   question → class and zone checks → lookup → records | CNAME, once more | referral | nothing | steer → select → scope
 */

import { nameKey, parentOf } from '../core/dns/name.ts';
import { classIn, type ResourceRecord, recordTypes } from '../core/dns/record.ts';
import { assertNever } from '../core/runtime/deps.ts';
import { plainSteering, type SteeringRules } from '../core/topology/steering-schema.ts';
import { tailored } from './address-hints.ts';
import { type Challenges, lookupBeside } from './challenges.ts';
import { type Denial, denialOf } from './dnssec/denial.ts';
import type { Locate, Located } from './locate/locate.ts';
import type { Measured } from './measured/measured.ts';
import type { Reuse } from './prepared.ts';
import { type PopStanding, type Selection, select } from './select.ts';
import { clientNetworkOf } from './steering/client-network.ts';
import type { Turns } from './steering/turns.ts';
import { explainTxt } from './why.ts';
import type { ClientSubnet, Edns } from './wire/edns.ts';
import { type ExtendedError, extendedErrors } from './wire/extended-error.ts';
import { type Message, opcodes, rcodes } from './wire/message.ts';
import type { Query, Rejected } from './wire/query.ts';
import { type Found, findZone, type Steering, type Zone, type Zones } from './zone.ts';
import { addressData } from './zone-build.ts';

/** What we take over UDP, and the largest answer that we send over it (DNS flag day 2020: no fragments). */
export const udpLimitBytes = 1232;
/** Aliases followed within our zones for one question. */
const maxAliases = 8;

/** The world as it is for one query. */
export interface AnswerContext {
  zones: Zones;
  pops: readonly PopStanding[];
  locate: Locate;
  /** Answered beside what zones have. */
  challenges?: Challenges;
  /** The rules by host; absent: the plain ones. */
  steering?: ReadonlyMap<string, SteeringRules>;
  turns?: Turns;
  /** What clients have measured; absent: nothing. */
  measured?: Measured;
}

/** How a steered answer came about. */
export interface Steered {
  host: string;
  /** Where the client is taken to be, and by whose address: its own network's (ECS) or its resolver's. */
  located: Located;
  basis: 'subnet' | 'resolver';
  selection: Selection;
  /** All who share so many leading bits are located alike and have measured alike. */
  alikePrefixLength: number;
  /** The scope prefix length for the client's subnet option. */
  scopePrefixLength: number;
}

export interface Answered {
  message: Message;
  /** The zone that the question lies in. */
  zone?: string;
  /** Present when the answer hands a PoP's addresses out. */
  handedOut?: Steered;
  /** The zones that its records come from. */
  zones?: readonly Zone[];
  /** What is not there, for those who want it proven. */
  denial?: Denial;
  /** Its aliases lead in a circle, or through more names than are followed. */
  isEndless?: boolean;
  /** What a code alone does not say. */
  extendedError?: ExtendedError;
  /** For whom this answer would be the same, while zones, places and PoPs are what they are. */
  reuse: Reuse;
}

/** The parts of an answer as they come together. */
interface Draft {
  rcode: number;
  authoritative: boolean;
  answers: ResourceRecord[];
  authorities: readonly ResourceRecord[];
  additionals: readonly ResourceRecord[];
  /** Present when the answer depends on who asks, also if it is that there is nothing. */
  steered?: Steered;
  isHandedOut?: boolean;
  zones: Zone[];
  denial?: Denial;
  isEndless?: boolean;
}

/** Answers `query`, which came from `resolver` (4 or 16 bytes). */
export function answer(
  query: Query,
  resolver: readonly number[],
  context: AnswerContext,
): Answered {
  const { question } = query;
  const zone = zoneFor(context.zones, nameKey(question.name), question.type);
  if (question.type === recordTypes.NXNAME) {
    // It appears in proofs and has no data anywhere (RFC 9824 §3.5).
    const { invalidQueryType } = extendedErrors;
    const draft = emptyDraft(rcodes.FORMERR, false);
    const message = messageOf(query, draft);
    return { message, extendedError: invalidQueryType, reuse: 'everybody' };
  }
  if (!zone || question.class !== classIn || isTransfer(question.type)) {
    const { notAuthoritative, notSupported } = extendedErrors;
    const extendedError = zone ? notSupported : notAuthoritative;
    const message = messageOf(query, emptyDraft(rcodes.REFUSED, false));
    return { message, extendedError, reuse: 'everybody' };
  }
  const draft = emptyDraft(rcodes.NOERROR, true);
  resolve(draft, zone, query, resolver, context);
  const { steered, isHandedOut, zones, denial, isEndless } = draft;
  const message = messageOf(query, draft);
  return {
    message,
    zone: zone.name,
    zones,
    ...(denial ? { denial } : {}),
    ...(isEndless ? { isEndless } : {}),
    ...(steered && isHandedOut ? { handedOut: steered } : {}),
    reuse: reuseOf(draft),
  };
}

/** What resolvers are not to keep is not kept here either. */
function reuseOf({ answers, steered }: Draft): Reuse {
  const takesTurns = steered?.selection.policy === 'round-robin';
  if (takesTurns || answers.some(({ ttlSeconds }) => ttlSeconds === 0)) return 'never';
  return steered?.basis === 'resolver' ? 'resolver' : 'everybody';
}

/** DS stands above the apex: of a zone whose parent is ours too, the parent has it (RFC 4035 §3.1.4.1). */
function zoneFor(zones: Zones, key: string, type: number): Zone | undefined {
  const zone = findZone(zones, key);
  if (type !== recordTypes.DS || zone?.name !== key) return zone;
  const above = parentOf(key);
  return (above === undefined ? undefined : findZone(zones, above)) ?? zone;
}

function isTransfer(type: number): boolean {
  return type === recordTypes.AXFR || type === recordTypes.IXFR;
}

/** Fills `draft`, following aliases as long as they stay in our zones; the last name decides the code (RFC 6604 §3). */
function resolve(
  draft: Draft,
  apexZone: Zone,
  query: Query,
  resolver: readonly number[],
  context: AnswerContext,
): void {
  const { type } = query.question;
  let key = nameKey(query.question.name);
  let zone: Zone | undefined = apexZone;
  const seen = new Set<string>();
  for (let aliases = 0; zone && aliases <= maxAliases && !seen.has(key); aliases += 1) {
    seen.add(key);
    if (!draft.zones.includes(zone)) draft.zones.push(zone);
    const found = lookupBeside(context.challenges, zone, key, type);
    switch (found.kind) {
      case 'cname':
      case 'dname': {
        const target = takeAlias(draft, key, found);
        // The alias that a DNAME means is itself what was asked for.
        if (target === undefined || type === recordTypes.CNAME) return;
        key = target;
        zone = findZone(context.zones, key);
        continue;
      }
      case 'records':
        draft.additionals = found.additionals;
        if (found.hints) draft.steered = steer(found.hints, query, resolver, context);
        draft.answers.push(...withHints(found.records, draft.steered));
        return;
      case 'referral':
        // The alias that led here is ours to give, so the answer stays authoritative (RFC 1034 §4.3.2).
        draft.authoritative = draft.answers.length > 0;
        draft.denial = denialOf('delegation', zone, found.cut, type);
        draft.authorities = found.authorities;
        draft.additionals = found.additionals;
        return;
      case 'why':
        draft.steered = steer(found, query, resolver, context);
        draft.answers.push(whyRecord(key, draft.steered));
        return;
      case 'pops': {
        draft.steered = steer(found, query, resolver, context);
        const records = addressRecords(key, type, zone, draft.steered);
        draft.answers.push(...records);
        draft.isHandedOut = records.length > 0;
        if (!draft.isHandedOut) {
          draft.authorities = [zone.steeredNegativeSoa];
          draft.denial = denialOf('nodata', zone, key, type, found.node);
        }
        return;
      }
      case 'nxdomain':
        draft.rcode = rcodes.NXDOMAIN;
        draft.denial = denialOf('nxdomain', zone, key, type);
        draft.authorities = [zone.negativeSoa];
        return;
      case 'nodata':
        draft.denial = denialOf('nodata', zone, key, type, found.node);
        draft.authorities = [zone.negativeSoa];
        return;
      default:
        assertNever(found);
    }
  }
  // In a zone of ours still, so the aliases did not end: in a circle, or too many.
  draft.isEndless = zone !== undefined;
}

/** Adds an alias to the answer; returns where it leads, undefined when it leads nowhere. */
function takeAlias(
  draft: Draft,
  key: string,
  found: Extract<Found, { kind: 'cname' | 'dname' }>,
): string | undefined {
  if (!draft.answers.includes(found.record)) draft.answers.push(found.record);
  if (found.target === undefined) {
    draft.rcode = rcodes.YXDOMAIN; // RFC 6672 §2.2
    return undefined;
  }
  if (found.kind === 'dname') draft.answers.push(synthesised(key, found.record, found.target));
  return nameKey(found.target);
}

/** The alias that a DNAME means for one name, for those who do not know DNAME (RFC 6672 §3.1). */
function synthesised(name: string, dname: ResourceRecord, target: string): ResourceRecord {
  const { ttlSeconds } = dname;
  return { name, class: classIn, ttlSeconds, data: { type: 'CNAME', target } };
}

/** Address hints are those of the PoPs that the client is sent to, as its A and AAAA answers are. */
function withHints(
  records: readonly ResourceRecord[],
  steered: Steered | undefined,
): readonly ResourceRecord[] {
  if (!steered) return records;
  const addresses = [...new Set(steered.selection.chosen.flatMap(({ pop }) => pop.advertise))];
  return records.map((record) => tailored(record, addresses));
}

/** Finds the client, orders the PoPs for it, and says for how wide a network that holds. */
function steer(
  { kind, host }: Steering,
  query: Query,
  resolver: readonly number[],
  { locate, pops, steering, turns, measured }: AnswerContext,
): Steered {
  const subnet = query.edns?.clientSubnet;
  // With no address bits the client wants to stay unknown; the resolver's place stands for it (RFC 7871 §7.1.2).
  const bySubnet = subnet && subnet.sourcePrefixLength > 0 ? locate(subnet.bytes) : undefined;
  const isPlaced = bySubnet !== undefined && bySubnet.source !== 'none';
  // A subnet that says nothing, such as a private one, leaves the resolver as the better guess.
  const located = isPlaced ? bySubnet : locate(resolver);
  // An explanation is no answer: it tells whose turn comes next, and leaves it to come.
  const turn =
    kind === 'why' ? turns?.peek(host, recordTypes.A) : turns?.take(host, query.question.type);
  const client = bySubnet && subnet ? subnet.bytes : resolver;
  const network = clientNetworkOf(client);
  const times = measured?.lookup(client);
  const rules = steering?.get(host) ?? plainSteering;
  const selection = select(located, pops, {
    rules,
    network: network.text,
    turn: turn ?? 0,
    rtts: times?.value,
  });
  // All are partitions of the address space into networks, so the longest of their prefixes is one too: none overlap.
  const alikePrefixLength = Math.max((bySubnet ?? located).prefixLength, times?.prefixLength ?? 0);
  const scopePrefixLength = Math.max(
    bySubnet && selection.dependsOnPlace ? alikePrefixLength : 0,
    bySubnet && selection.dependsOnNetwork ? network.prefixLength : 0,
  );
  return {
    host,
    located,
    basis: isPlaced ? 'subnet' : 'resolver',
    selection,
    alikePrefixLength,
    scopePrefixLength,
  };
}

function whyRecord(name: string, steered: Steered): ResourceRecord {
  return { name, class: classIn, ttlSeconds: 0, data: explainTxt(steered) };
}

/** All addresses of the PoPs that are handed out. None of the family: NODATA. */
function addressRecords(
  name: string,
  type: number,
  zone: Zone,
  { selection }: Steered,
): ResourceRecord[] {
  // Each once: PoPs may share an address (anycast), and an RRset has no duplicates (RFC 2181 §5).
  const texts = new Set(selection.chosen.flatMap(({ pop }) => pop.advertise));
  const addresses = [...texts].map(addressData);
  const ofType = (wanted: 'A' | 'AAAA') => addresses.filter((data) => data.type === wanted);
  let chosen = type === recordTypes.AAAA ? ofType('AAAA') : ofType('A');
  // ANY takes one RRset, whichever there is (RFC 8482 §4.1).
  if (type === recordTypes.ANY && chosen.length === 0) chosen = ofType('AAAA');
  return chosen.map((data) => ({ name, class: classIn, ttlSeconds: zone.ttlSeconds, data }));
}

function emptyDraft(rcode: number, authoritative: boolean): Draft {
  return { rcode, authoritative, answers: [], authorities: [], additionals: [], zones: [] };
}

function messageOf(query: Query, draft: Draft): Message {
  const { rcode, authoritative, answers, authorities, additionals, steered } = draft;
  const base = responseTo({ ...query, opcode: opcodes.query, rcode });
  const message: Message = {
    ...base,
    header: { ...base.header, authoritative },
    answers,
    authorities,
    additionals,
  };
  const subnet = query.edns?.clientSubnet;
  // An option in the query has one in the answer, whether it mattered or not, and none has none (RFC 7871 §7.2.1).
  if (!message.edns || !subnet) return message;
  const clientSubnet: ClientSubnet = {
    ...subnet,
    scopePrefixLength: steered?.scopePrefixLength ?? 0,
  };
  return { ...message, edns: { ...message.edns, clientSubnet } };
}

/** The message that rejects a query, or into which an answer is put: no records, and OPT if the query had one. */
export function responseTo(query: Rejected): Message {
  const edns: Edns | undefined = query.edns && {
    udpSizeBytes: udpLimitBytes,
    extendedRcode: 0,
    version: 0,
    dnssecOk: query.edns.dnssecOk, // copied (RFC 3225 §3)
    options: [],
  };
  return {
    header: {
      id: query.id,
      isResponse: true,
      opcode: query.opcode,
      authoritative: false,
      truncated: false,
      recursionDesired: query.recursionDesired, // copied (RFC 1035 §4.1.1)
      recursionAvailable: false,
      authenticData: false,
      checkingDisabled: false,
      rcode: query.rcode,
    },
    questions: query.question ? [query.question] : [],
    answers: [],
    authorities: [],
    additionals: [],
    ...(edns ? { edns } : {}),
  };
}
