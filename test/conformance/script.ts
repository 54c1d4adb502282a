/** From what a case says of the origin to the answer for one request: texts of the moment, 304 and ranges where they fit. */
import { type Case, type Line, type Moment, type OriginAnswer, textOf } from './case.ts';
import { combined, type FieldLine } from './message.ts';
import type { OriginRequest, PlainAnswer } from './scripted-origin.ts';

/** What the origin has in hand for exchange `index`: what was last said, with a body that names the exchange. */
export function answerOf(theCase: Case, index: number, at: Moment): PlainAnswer {
  const said = theCase.requests.slice(0, index + 1).findLast(({ origin }) => origin)?.origin ?? {};
  const ownBody = `answer ${index + 1} of ${theCase.id}\n`;
  const lines = plainLines(said.lines ?? [], at);
  if (said.date !== false && combined(lines, 'date') === undefined) {
    lines.unshift(['Date', new Date().toUTCString()]);
  }
  return {
    status: said.status ?? 200,
    reason: said.reason ?? 'Said So',
    version: said.version ?? '1.1',
    lines,
    body: Buffer.from(said.body === undefined ? ownBody : textOf(said.body, at), 'latin1'),
    framing: said.framing ?? 'length',
    interim: (said.interim ?? []).map(({ status, lines: each = [] }) => ({
      status,
      lines: plainLines(each, at),
    })),
    interimLeadMs: said.interimLeadMs ?? 0,
    trailers: plainLines(said.trailers ?? [], at),
    delayMs: said.delayMs ?? 0,
    bodyDelayMs: said.bodyDelayMs ?? 0,
    fault: said.fault,
    onFinal: () => {},
  };
}

/** The answer as it fits the request. */
export function fitted(
  answer: PlainAnswer,
  said: OriginAnswer,
  request: OriginRequest,
): PlainAnswer {
  if (answer.status === 304 && !isConditional(request.lines)) return { ...answer, status: 200 };
  if (answer.status === 206 && combined(request.lines, 'range') === undefined) {
    return unranged(answer, said);
  }
  return said.servesRanges ? ranged(answer, request.lines) : answer;
}

/** Whether the request asks for a 304. */
export function isConditional(lines: readonly FieldLine[]): boolean {
  return (
    combined(lines, 'if-none-match') !== undefined ||
    combined(lines, 'if-modified-since') !== undefined
  );
}

/** What a request without Range gets in place of a part. */
function unranged(answer: PlainAnswer, { whole }: OriginAnswer): PlainAnswer {
  const lines = answer.lines.filter(([name]) => name.toLowerCase() !== 'content-range');
  const body = whole !== undefined ? Buffer.from(whole, 'latin1') : answer.body;
  return { ...answer, status: 200, lines, body };
}

function plainLines(lines: readonly Line[], at: Moment): FieldLine[] {
  return lines.map(([name, value]): FieldLine => [name, textOf(value, at)]);
}

/** RFC 9110 §14.2 for one range of a whole that the origin has. */
function ranged(answer: PlainAnswer, asked: readonly FieldLine[]): PlainAnswer {
  const range = /^bytes=(\d*)-(\d*)$/.exec(combined(asked, 'range') ?? '');
  const condition = combined(asked, 'if-range');
  const own = [combined(answer.lines, 'etag'), combined(answer.lines, 'last-modified')];
  if (!range || (condition !== undefined && !own.includes(condition))) return answer;
  const { length } = answer.body;
  const [, first = '', last = ''] = range;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (start > end) {
    const lines: FieldLine[] = [...answer.lines, ['Content-Range', `bytes */${length}`]];
    return { ...answer, status: 416, lines, body: Buffer.alloc(0) };
  }
  return {
    ...answer,
    status: 206,
    lines: [...answer.lines, ['Content-Range', `bytes ${start}-${end}/${length}`]],
    body: answer.body.subarray(start, end + 1),
  };
}
