/** Makes the files that the server offers, the same bytes on every machine: `npm run files`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';

/** All files of `files/`, by name. */
export function exampleFiles(): Map<string, Uint8Array> {
  return new Map([
    ['2043.bin', counting(2043)],
    ['2044.bin', counting(2044)],
    ['empty.txt', new Uint8Array()],
    ['picture.png', picture(480, 320)],
    ['q.txt', new TextEncoder().encode(SHORT)],
    ['s.txt', new TextEncoder().encode(longText())],
  ]);
}

export async function writeExampleFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of exampleFiles()) await writeFile(join(folder, name), bytes);
}

const SHORT = `This is q.txt, a short text of a few parts.

It says what selective repeat is. The sender numbers its parts and sends them
one after the other. The receiver notes which numbers came. After a silence it
names those that did not, and the sender sends these again: not all, not from
the first gap on, only these. That is why it pays where a path loses packets.
${'-'.repeat(72)}
`.concat(...Array.from({ length: 60 }, (_, index) => `line ${index + 1}: ${'.'.repeat(index)}\n`));

function longText(): string {
  const lines = ['This is s.txt, a longer text: the times tables up to sixty.', ''];
  for (let a = 1; a <= 60; a += 1) {
    for (let b = 1; b <= 60; b += 1) lines.push(`${a} times ${b} is ${a * b}`);
  }
  return `${lines.join('\n')}\n`;
}

function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 256);
}

/** Waves that two stones make in water. */
function picture(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const near = Math.hypot(x - width * 0.3, y - height * 0.4);
      const far = Math.hypot(x - width * 0.75, y - height * 0.65);
      const wave = triangle(near / 9) + triangle(far / 7);
      const at = (y * width + x) * 3;
      data[at] = 20 + Math.round(wave * 40);
      data[at + 1] = 70 + Math.round(wave * 60);
      data[at + 2] = 120 + Math.round(wave * 65);
    }
  }
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/** A wave from 0 to 1 made of straight lines: the same on every machine, unlike a sine. */
function triangle(turns: number): number {
  const part = turns - Math.floor(turns);
  return part < 0.5 ? part * 2 : 2 - part * 2;
}

if (import.meta.filename === process.argv[1]) {
  await writeExampleFiles(join(import.meta.dirname, '../../files'));
}
