/** A file that a command is given, or standard input for `-`; bounded, and refused in words. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { CommandError } from './command-error.ts';

const maxInputBytes = 64 * 2 ** 20;

/** The text of the file. Throws CommandError when it cannot be read or is too long. */
export async function readInput(cwd: string, name: string): Promise<string> {
  const input = name === '-' ? process.stdin : createReadStream(path.resolve(cwd, name));
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of input) {
      const piece = Buffer.from(part as Buffer);
      bytes += piece.length;
      if (bytes > maxInputBytes) throw new Error(`more than ${maxInputBytes / 2 ** 20} MiB`);
      parts.push(piece);
    }
  } catch (error) {
    throw new CommandError(`${name} cannot be read: ${(error as Error).message}`);
  }
  return Buffer.concat(parts).toString('utf8');
}
