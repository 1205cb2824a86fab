import { join } from 'node:path';
import { tshark } from './tshark.ts';

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
