import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Whether captures can be read with Wireshark's command-line program. */
export const hasTshark = spawnSync('tshark', ['--version']).status === 0;
if (!hasTshark) {
  console.warn('Left out: what reads captures. It needs tshark (apt-get install tshark).');
}

const MAX_OUTPUT_BYTES = 67_108_864;

/** What `tshark` prints. @throws Error when it fails */
export async function tshark(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('tshark', [...args], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return stdout;
}

/** A row for each packet, with the values of these fields. */
export async function packetFields(
  file: string,
  fields: readonly string[],
  ...args: readonly string[]
): Promise<string[][]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const text = await tshark(...['-r', file, '-T', 'fields'], ...wanted, ...args);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}
