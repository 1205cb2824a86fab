import { hasUnsafeCharacters } from '../core/text.ts';

const MAX_NAME_BYTES = 64;

/** The name of somebody online: checked by {@link parseUserName}. */
export type UserName = string & { readonly userName: unique symbol };

/** The name, or `undefined` when it is illegal (PROTOCOL.md, "Names"). */
export function parseUserName(text: string): UserName | undefined {
  const legal =
    text !== '' &&
    Buffer.byteLength(text) <= MAX_NAME_BYTES &&
    !text.includes('|') &&
    !hasUnsafeCharacters(text) &&
    text === text.trim();
  return legal ? (text as UserName) : undefined;
}
