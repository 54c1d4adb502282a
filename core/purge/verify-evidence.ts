/**
 * Does a document of evidence hold? Pure, and needs nothing but the document: signatures, the hash of the entry, and that all who
 * were needed cover it. Whose the keys are it cannot know: that is what the fingerprints say that the caller has from elsewhere.
 */
import { fingerprintOf, isSignedBy } from '../runtime/signing-key.ts';
import { chainHash, type Position } from './command.ts';
import { type EvidenceDocument, type EvidenceNode, evidenceSchema } from './evidence.ts';
import { acknowledgementText, evidenceText } from './signature.ts';

export interface Finding {
  /** A node, `entry`, or `document`. */
  about: string;
  /** `absent`: a quarantined node, of which nothing is proved and nothing was needed. */
  result: 'good' | 'wrong' | 'absent';
  text: string;
}

export interface Verdict {
  valid: boolean;
  findings: Finding[];
  /** Signers whose key the caller has not confirmed by a fingerprint. */
  unconfirmed: string[];
  document: EvidenceDocument | undefined;
}

/** Judges what was read from a file. `expected`: fingerprints by node, known from elsewhere. */
export function verifyEvidence(value: unknown, expected: ReadonlyMap<string, string>): Verdict {
  const parsed = evidenceSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'the document';
    const text = `is no evidence of this version: ${where}: ${issue?.message}`;
    const findings: Finding[] = [{ about: 'document', result: 'wrong', text }];
    return { valid: false, findings, unconfirmed: [], document: undefined };
  }
  const document = parsed.data;
  const findings = [
    judgeEntry(document),
    judgeIssuer(document, expected),
    ...judgeStatus(document),
    ...document.nodes.map((node) => judgeNode(document, node, expected)),
    ...unknownNames(document, expected),
  ];
  const signers = [document.issuer.node, ...document.nodes.filter(hasSigned).map(nameOf)];
  return {
    valid: findings.every(({ result }) => result !== 'wrong'),
    findings,
    unconfirmed: signers.filter((name) => !expected.has(name)),
    document,
  };
}

const good = (about: string, text: string): Finding => ({ about, result: 'good', text });
const wrong = (about: string, text: string): Finding => ({ about, result: 'wrong', text });
const nameOf = ({ node }: EvidenceNode) => node;
const hasSigned = ({ acknowledgement }: EvidenceNode) => acknowledgement?.signature != null;

function judgeEntry({ entry, previous }: EvidenceDocument): Finding {
  const { hash, ...rest } = entry;
  if (previous.seq + 1 !== entry.seq) {
    return wrong('entry', `has the number ${entry.seq}, but follows ${previous.seq}`);
  }
  if (chainHash(previous.hash, rest) !== hash) {
    return wrong('entry', 'does not have the hash that its content and the entry before it give');
  }
  return good('entry', `${entry.seq} of the journal ${previous.identity}: its hash fits`);
}

function judgeIssuer(document: EvidenceDocument, expected: ReadonlyMap<string, string>): Finding {
  const { signature, ...unsigned } = document;
  const { node, publicKey, fingerprint } = document.issuer;
  const problem = keyProblem(node, publicKey, fingerprint, expected);
  if (problem !== undefined) return wrong(node, problem);
  if (!isSignedBy(publicKey, evidenceText(unsigned), signature)) {
    return wrong(node, 'has not signed this document as it is');
  }
  return good(node, 'signed this document (purge-api)');
}

/** What the document as a whole claims: that the purge has converged, and with whom. */
function judgeStatus({ status, convergedAtMs, nodes }: EvidenceDocument): Finding[] {
  const findings: Finding[] = [];
  if (status !== 'converged' || convergedAtMs === null) {
    findings.push(wrong('document', 'says itself that the purge had not converged'));
  }
  if (nodes.length === 0) findings.push(wrong('document', 'names no node'));
  const names = nodes.map(nameOf);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) findings.push(wrong(repeated, 'is named more than once'));
  return findings;
}

function judgeNode(
  document: EvidenceDocument,
  node: EvidenceNode,
  expected: ReadonlyMap<string, string>,
): Finding {
  const { acknowledgement, publicKey, fingerprint } = node;
  if (!acknowledgement) {
    if (!node.quarantined) return wrong(node.node, 'has not acknowledged the entry');
    const { reason } = node.quarantined;
    const text = `quarantined${reason === null ? '' : `, ${reason}`}: nothing of it was needed`;
    return { about: node.node, result: 'absent', text };
  }
  const { position, appliedAtMs, signature } = acknowledgement;
  const problem =
    positionProblem(document, position) ??
    keyProblem(node.node, publicKey ?? '', fingerprint ?? '', expected);
  if (problem !== undefined) return wrong(node.node, problem);
  const said = { network: document.network, node: node.node, position, appliedAtMs };
  if (!isSignedBy(publicKey ?? '', acknowledgementText(said), signature ?? '')) {
    return wrong(node.node, 'the signature is not its own, or not of this acknowledgement');
  }
  const at = timeText(appliedAtMs);
  return good(node.node, `signed that it had applied everything up to ${position.seq}, ${at}`);
}

/** A number that is no time of this world must not end the verification. */
function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

function positionProblem({ entry, previous }: EvidenceDocument, position: Position) {
  if (position.identity !== previous.identity) return 'acknowledged another journal';
  if (position.seq < entry.seq) return `acknowledged only up to ${position.seq}`;
  if (position.seq === entry.seq && position.hash !== entry.hash) {
    return 'acknowledged another entry under this number';
  }
  return undefined;
}

function keyProblem(
  node: string,
  publicKey: string,
  fingerprint: string,
  expected: ReadonlyMap<string, string>,
): string | undefined {
  if (publicKey === '') return 'has signed nothing';
  const actual = fingerprintOf(publicKey);
  if (actual !== fingerprint) return 'the fingerprint is not that of the key';
  const known = expected.get(node);
  if (known !== undefined && known !== actual) return `the key is ${actual}, not ${known}`;
  return undefined;
}

/** Whoever gives a fingerprint wants to see that node's word. */
function unknownNames(
  { issuer, nodes }: EvidenceDocument,
  expected: ReadonlyMap<string, string>,
): Finding[] {
  const named = new Set([issuer.node, ...nodes.map(nameOf)]);
  return [...expected.keys()]
    .filter((name) => !named.has(name))
    .map((name) => wrong(name, 'is not in this document'));
}
