/**
 * The picture at the head of the demo site: a sea at dusk, drawn pixel by pixel and written as PNG (RFC 2083), so that
 * the site has a real image without a binary file in the repository. The same bytes at every start.
 */
import { crc32, deflateSync } from 'node:zlib';

const widthPx = 960;
const heightPx = 240;
const bytesPerPixel = 3;

/** About 40 KB of PNG. */
export function drawSea(): Uint8Array<ArrayBuffer> {
  // Each row begins with the filter type: 0, none.
  const rowBytes = 1 + widthPx * bytesPerPixel;
  const pixels = Buffer.alloc(rowBytes * heightPx);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      pixels.set(colourAt(x, y), y * rowBytes + 1 + x * bytesPerPixel);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  // Bit depth 8, colour type 2 (RGB), then the only compression, filter and interlace methods.
  header.set([8, 2, 0, 0, 0], 8);
  return Uint8Array.from(
    Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(pixels, { level: 9 })),
      chunk('IEND', Buffer.alloc(0)),
    ]),
  );
}

/** Sky above, waves below: a gradient, darkened along the crests of two sines. */
function colourAt(x: number, y: number): [number, number, number] {
  const depth = y / heightPx;
  const crest =
    Math.sin(x / (34 + 20 * depth) + y / 9) + Math.sin(x / (71 - 25 * depth) - y / 14 + 2);
  const shade = depth < 0.35 ? 0 : Math.round(crest * 7 * (depth - 0.2));
  return [
    clamp(12 + 30 * (1 - depth) + shade),
    clamp(54 + 50 * (1 - depth) + shade),
    clamp(84 + 60 * (1 - depth) + shade),
  ];
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
}

/** Length, type, content, and the CRC of type and content (RFC 2083 §3.2). */
function chunk(type: string, content: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const frame = Buffer.alloc(typed.length + 8);
  frame.writeUInt32BE(content.length, 0);
  frame.set(typed, 4);
  frame.writeUInt32BE(crc32(typed), typed.length + 4);
  return frame;
}
