/**
 * Errors of the API as problem details (RFC 9457). Each code has a row in docs/operations.md; the code is the end of `type`.
 */
import type { BodyProblem } from './parse-purge.ts';

/** Every error that the API answers, with its status and title. */
const catalogue = {
  'invalid-json': [400, 'The body is not JSON'],
  'invalid-purge': [400, 'The purge is not understood'],
  'invalid-parameter': [400, 'A parameter is not understood'],
  'invalid-configuration': [400, 'The configuration file is wrong'],
  unauthorized: [401, 'A purge token is needed'],
  'forbidden-host': [403, 'The token is limited to other hosts'],
  'forbidden-action': [403, 'The token is limited to some hosts'],
  'not-found': [404, 'There is no such resource'],
  'method-not-allowed': [405, 'The resource has no such method'],
  'idempotency-conflict': [409, 'The Idempotency-Key was used for another purge'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body must be application/json'],
  'too-many-challenges': [429, 'Too many ACME challenges are kept'],
  'limit-reached': [429, 'The token has asked for as many purges as it may'],
  'internal-error': [500, 'Something failed here'],
  'journal-unavailable': [503, 'The journal cannot be written'],
  starting: [503, 'Purges are not taken yet'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof catalogue;

export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** What is wrong where, for bodies. */
  problems?: BodyProblem[];
}

/** The body of an error answer. */
export function problemDetails(
  code: ProblemCode,
  detail: string,
  problems?: BodyProblem[],
): ProblemDetails {
  const [status, title] = catalogue[code];
  const type = `urn:breakwater:problem:${code}`;
  return { type, title, status, detail, ...(problems && { problems }) };
}

/** The error answer itself. */
export function problemResponse(
  code: ProblemCode,
  detail: string,
  extra: { problems?: BodyProblem[]; headers?: Record<string, string> } = {},
): Response {
  const body = problemDetails(code, detail, extra.problems);
  return new Response(`${JSON.stringify(body)}\n`, {
    status: body.status,
    headers: { 'content-type': 'application/problem+json', ...extra.headers },
  });
}
