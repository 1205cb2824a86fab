import { parsePort } from '../core/brands.ts';
import type { FastOffer, FastRequest } from './messages.ts';

/** Behind a file name, or a number of parts: `|fast=1|key=value|…` (PROTOCOL.md, "The fast profile"). */
const OPTIONS = /\|fast=1((?:\|[a-z0-9]+=[^|]*)*)$/;

/** Takes the options off a request; without them, all of it is the file's name. */
export function decodeFastRequest(rest: string): { file: string; fast: FastRequest | undefined } {
  const match = OPTIONS.exec(rest);
  if (match === null) return { file: rest, fast: undefined };
  const options = parse(match[1] ?? '');
  const mtu = integer(options.get('mtu'));
  const fast: FastRequest = {
    // What has to be carried by every path (RFC 8200, section 5).
    mtu: mtu === undefined ? 1280 : mtu,
    rate: integer(options.get('rate')),
  };
  return { file: rest.slice(0, match.index), fast };
}

export function encodeFastRequest(fast: FastRequest | undefined): string {
  if (fast === undefined) return '';
  const { mtu, rate } = fast;
  return write({ mtu, rate });
}

/** @param options what follows the number of parts; `undefined` when that is no offer. */
export function decodeFastOffer(options: string): FastOffer | undefined {
  const match = OPTIONS.exec(options);
  if (match === null || match.index !== 0) return undefined;
  const values = parse(match[1] ?? '');
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

function parse(text: string): Map<string, string> {
  const pairs = text.split('|').filter((item) => item !== '');
  return new Map(
    pairs.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]),
  );
}

function integer(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}
