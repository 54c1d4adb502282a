/**
 * A WebSocket connection taken apart on its way: the HTTP head, then frame by frame (RFC 6455 §5.2), each with its bytes as they
 * came and with the JSON message in it, so that a proxy can lose, repeat or reorder whole messages and never half a one.
 */

/** What is passed on as a whole. */
export interface Frame {
  bytes: Buffer;
  /** The message; undefined: the HTTP head, or a control frame. */
  message: Record<string, unknown> | undefined;
}

const endOfHead = '\r\n\r\n';

/** Takes the bytes of one direction; returns the frames that are whole. */
export function createFrameReader(): (bytes: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0);
  let hasHead = false;
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const frames: Frame[] = [];
    for (;;) {
      const length = hasHead ? frameLength(rest) : headLength(rest);
      if (length === undefined || length > rest.length) return frames;
      const whole = rest.subarray(0, length);
      frames.push({ bytes: whole, message: hasHead ? messageOf(whole) : undefined });
      rest = rest.subarray(length);
      hasHead = true;
    }
  };
}

function headLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(endOfHead);
  return end < 0 ? undefined : end + endOfHead.length;
}

interface Layout {
  payloadAt: number;
  length: number;
  isMasked: boolean;
}

function layoutOf(bytes: Buffer): Layout | undefined {
  if (bytes.length < 2) return undefined;
  const second = bytes.readUInt8(1);
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 2 + extra) return undefined;
  const length =
    extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const isMasked = (second & 0x80) !== 0;
  return { payloadAt: 2 + extra + (isMasked ? 4 : 0), length, isMasked };
}

function frameLength(bytes: Buffer): number | undefined {
  const layout = layoutOf(bytes);
  return layout && layout.payloadAt + layout.length;
}

function messageOf(bytes: Buffer): Frame['message'] {
  const layout = layoutOf(bytes);
  const isText = (bytes.readUInt8(0) & 0x0f) === 1;
  if (!layout || !isText) return undefined;
  const payload = bytes.subarray(layout.payloadAt);
  const key = bytes.subarray(layout.payloadAt - 4, layout.payloadAt);
  const text = layout.isMasked ? payload.map((byte, at) => byte ^ (key[at & 3] ?? 0)) : payload;
  return JSON.parse(Buffer.from(text).toString('utf8')) as Record<string, unknown>;
}
