import { parsePort } from '../core/brands.ts';
import type { FastOffer, FastRequest } from './messages.ts';

/** Bytes a second; a client that wants less gets this. */
const LEAST_RATE = 1000;

/** Takes the options off a request; without them, all of it is the file's name. */
export function decodeFastRequest(rest: string): { file: string; fast: FastRequest | undefined } {
  const { before: file, options } = cutOptions(rest);
  if (options === undefined) return { file, fast: undefined };
  const rate = integer(options.get('rate'));
  const fast: FastRequest = {
    // What has to be carried by every path (RFC 8200, section 5).
    mtu: integer(options.get('mtu')) ?? 1280,
    rate: rate === undefined ? undefined : Math.max(LEAST_RATE, rate),
  };
  return { file, fast };
}

export function encodeFastRequest(fast: FastRequest | undefined): string {
  if (fast === undefined) return '';
  const { mtu, rate } = fast;
  return write({ mtu, rate });
}

/** @param text what follows the number of parts; `undefined` when that is no offer. */
export function decodeFastOffer(text: string): FastOffer | undefined {
  const { before, options: values } = cutOptions(text);
  if (values === undefined || before !== '') return undefined;
  const part = integer(values.get('part'));
  const size = integer(values.get('size'));
  const id = values.get('id');
  const port = parsePort(values.get('port') ?? '');
  const key = integer(values.get('key'));
  if (part === undefined || size === undefined || id === undefined) return undefined;
  if (port === undefined || key === undefined || key >= 2 ** 32) return undefined;
  const sha256 = /^[0-9a-f]{64}$/.exec(values.get('sha256') ?? '')?.[0];
  return { part, size, id, port, key, sha256 };
}

export function encodeFastOffer(fast: FastOffer | undefined): string {
  if (fast === undefined) return '';
  const { part, size, id, port, key, sha256 } = fast;
  return write({ part, size, id, port, key, sha256 });
}

function write(values: Readonly<Record<string, string | number | undefined>>): string {
  const set = Object.entries(values).filter(([, value]) => value !== undefined);
  return `|fast=1${set.map(([key, value]) => `|${key}=${value}`).join('')}`;
}

/**
 * Cuts off `|fast=1|key=value|…` behind a file name, or a number of parts (PROTOCOL.md, "The fast
 * profile"). Backwards and item by item, so that it takes no longer than the text is long.
 */
function cutOptions(text: string): { before: string; options: Map<string, string> | undefined } {
  const items = text.split('|');
  let begin: number | undefined;
  for (let index = items.length - 1; index > 0; index -= 1) {
    const item = items[index] ?? '';
    if (!/^[a-z0-9]+=/.test(item)) break;
    if (item === 'fast=1') begin = index;
  }
  if (begin === undefined) return { before: text, options: undefined };
  const pairs = items.slice(begin + 1).map((item): [string, string] => {
    const sign = item.indexOf('=');
    return [item.slice(0, sign), item.slice(sign + 1)];
  });
  return { before: items.slice(0, begin).join('|'), options: new Map(pairs) };
}

function integer(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}
