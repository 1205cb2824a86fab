import sanitize from 'sanitize-filename';
import { visible } from '../core/text.ts';

/** Room is left for what is added to a name while the file is not whole. */
const MAX_NAME_BYTES = 230;
/** What file systems take. */
export const LONGEST_NAME_BYTES = 255;

export interface NameOptions {
  /** Longer names are cut; by default so that there is room for an ending. */
  readonly maxBytes?: number;
  /** Whether a name may begin with a dot. */
  readonly hidden?: boolean;
}

/**
 * A name under which a peer's file can be saved on any operating system, in one folder: no
 * separators, no reserved names, no trailing dots, not hidden.
 */
export function safeName(
  name: string,
  { maxBytes = MAX_NAME_BYTES, hidden = false }: NameOptions = {},
): string {
  // Cut first: what is cut may leave a dot or a space at the end, which is then seen to.
  const safe = sanitize(cutToBytes(visible(name), maxBytes), { replacement: '_' })
    .replace(hidden ? /^\.+$/ : /^\.+/, '_')
    // Windows reserves these, too.
    .replace(/^(com|lpt)[¹²³](?=\.|$)/i, '_');
  return safe || 'download';
}

/** What is wrong with `name` as the name of a file in one folder, or `undefined`. */
export function nameProblem(name: string): string | undefined {
  if (name === safeName(name)) return undefined;
  return /[/\\]/.test(name)
    ? 'give a name, not a path'
    : `that cannot be the name of a file; ${safeName(name)} could`;
}

/** The first characters of `text` that have no more than so many bytes in all. */
export function cutToBytes(text: string, bytes: number): string {
  let size = 0;
  let kept = '';
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > bytes) break;
    kept += character;
  }
  return kept;
}
