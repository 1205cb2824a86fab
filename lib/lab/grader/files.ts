import { randomFrom } from '../../core/random.ts';
import { SEGMENT_PAYLOAD } from '../../udp-reliable/segment.ts';

/** Parts of the usual file: enough for a pause, for bursts and for every third, and sent in no time. */
export const USUAL_PARTS = 40;

/** Beside the folder that a server has to offer. */
export const SECRET_FILE = 'secret.txt';

/** The files that a server has to offer while it is graded, by name. */
export function gradedFiles(): Record<string, Buffer> {
  return {
    'empty.bin': Buffer.alloc(0),
    'one-byte.bin': Buffer.from('7'),
    'one-part.txt': text(SEGMENT_PAYLOAD),
    'one-part-and-a-byte.txt': text(SEGMENT_PAYLOAD + 1),
    'two-parts.txt': text(2 * SEGMENT_PAYLOAD),
    'usual.txt': text(USUAL_PARTS * SEGMENT_PAYLOAD - 77),
    'many.txt': text(300 * SEGMENT_PAYLOAD - 1),
    'binary.bin': binary(),
  };
}

/** Lines that tell where they stand, so that a wrong byte can be found. */
function text(bytes: number): Buffer {
  const lines = Array.from({ length: Math.ceil(bytes / 16) + 1 }, (_, at) => {
    return `${String(at * 16).padStart(9, '0')} line\n\n`;
  });
  return Buffer.from(
    lines
      .join('')
      .slice(0, bytes - 1)
      .concat('.'),
    'latin1',
  );
}

/** What breaks as text: all bytes, line ends of all kinds, no UTF-8, colons and bars. */
function binary(): Buffer {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const nasty = Buffer.from('\r\n\n\r|:\0\x1a\xff\xfe\xef\xbb\xbf\r\r\n', 'latin1');
  const chance = Buffer.alloc(9 * SEGMENT_PAYLOAD);
  for (let at = 0; at < chance.length; at += 1) chance[at] = Math.floor(randomFrom(5, at) * 256);
  return Buffer.concat([all, nasty, chance, nasty]);
}
