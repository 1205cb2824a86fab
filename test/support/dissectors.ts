import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { isLong } from './long.ts';
import { tshark } from './tshark.ts';

/** How often a capture is spoilt. */
const ROUNDS = isLong ? 30 : 2;

/** Flags by which `tshark` uses the project's dissectors. */
export const WITH_DISSECTORS = [
  '-X',
  `lua_script:${join(import.meta.dirname, '../../wireshark/init.lua')}`,
];

/** The packets that `filter` lets through, by the dissectors, read twice so that links go both ways. */
export async function packets(
  file: string,
  filter: string,
  fields: readonly string[],
): Promise<Record<string, string>[]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const args = ['-2', '-r', file, '-Y', filter, '-T', 'fields', ...wanted];
  const text = await tshark(...WITH_DISSECTORS, ...args);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => Object.fromEntries(line.split('\t').map((value, at) => [fields[at], value])));
}

/**
 * Spoils bytes of the capture behind the first `keep` of each packet, fewer and more of them, and has it read.
 * @returns how often `word` stands in what was read of it.
 */
export async function bearHostileBytes(file: string, keep: number, word: string): Promise<number> {
  let understood = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const spoilt = `${file}.${round}.pcapng`;
    const rate = String(0.002 * 3 ** (round % 4));
    const args = ['--seed', String(round), '-E', rate, '-o', String(keep), file, spoilt];
    await promisify(execFile)('editcap', args);
    // Without a filter the first of two passes looks at nothing.
    const text = await tshark(...WITH_DISSECTORS, '-2', '-Y', 'frame', '-r', spoilt, '-V');
    expect(text).not.toMatch(/Lua Error/i);
    understood += text.split(word).length - 1;
  }
  return understood;
}
