/** Reads the JSON body of a request within a limit of bytes, whatever Content-Length says. */

/** Bytes of a request's body. */
export const maxBodyBytes = 2 ** 20;

export type ReadBody =
  | { ok: true; value: unknown }
  | {
      ok: false;
      code: 'body-too-large' | 'unsupported-media-type' | 'invalid-json';
      detail: string;
    };

/** The parsed body, or why there is none. */
export async function readJsonBody(request: Request): Promise<ReadBody> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    const detail = type ? `the body is ${type}` : 'the request has no Content-Type';
    return { ok: false, code: 'unsupported-media-type', detail };
  }
  const tooLarge = {
    ok: false,
    code: 'body-too-large',
    detail: `a body has at most ${maxBodyBytes} bytes`,
  } as const;
  if (Number(request.headers.get('content-length') ?? 0) > maxBodyBytes) return tooLarge;
  const bytes = await readBounded(request);
  if (bytes === undefined) return tooLarge;
  try {
    // Fatal: a byte that is no UTF-8 must not become a replacement character in a tag.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    return { ok: false, code: 'invalid-json', detail: (error as Error).message };
  }
}

async function readBounded(request: Request): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  if (!request.body) return Buffer.alloc(0);
  for await (const part of request.body as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > maxBodyBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
