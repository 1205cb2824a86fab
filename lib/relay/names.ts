import { hasUnsafeCharacters } from '../core/text.ts';

/** Of a user's name and of a key. */
export const MAX_WORD_BYTES = 64;
/** Of the name of a file. */
export const MAX_FILE_NAME_BYTES = 1024;

/** Stands for bytes that are no UTF-8: two such words could be taken for each other. */
const NO_TEXT = '\ufffd';

/** Whether `text` can be the name of a user, or a key: 1 to 64 bytes, no space, no control. */
export function isWord(text: string): boolean {
  return isClean(text, MAX_WORD_BYTES) && !/\s/u.test(text);
}

/** Whether `text` can be told as the name of a file; it never becomes a path. */
export function isFileName(text: string): boolean {
  return isClean(text, MAX_FILE_NAME_BYTES);
}

function isClean(text: string, maxBytes: number): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= maxBytes && !text.includes(NO_TEXT) && !hasUnsafeCharacters(text);
}
