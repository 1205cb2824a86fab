import sanitize from 'sanitize-filename';
import { visible } from '../core/text.ts';

/** Room is left for what is added to a name while the file is not whole. */
const MAX_NAME_BYTES = 230;

/**
 * A name under which a peer's file can be saved on any operating system, in one folder: no
 * separators, no reserved names, no trailing dots, not hidden.
 */
export function safeName(name: string): string {
  const safe = sanitize(visible(name), { replacement: '_' }).replace(/^\.+/, '_');
  return cutToBytes(safe, MAX_NAME_BYTES) || 'download';
}

/** What is wrong with `name` as the name of a file in one folder, or `undefined`. */
export function nameProblem(name: string): string | undefined {
  if (name === safeName(name)) return undefined;
  return /[/\\]/.test(name)
    ? 'give a name, not a path'
    : `that cannot be the name of a file; ${safeName(name)} could`;
}

function cutToBytes(text: string, bytes: number): string {
  let size = 0;
  let kept = '';
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > bytes) break;
    kept += character;
  }
  return kept;
}
