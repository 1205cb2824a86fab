import { statSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { parseUserName } from '../commands/names.ts';
import { parsePort } from '../core/brands.ts';
import { parseAmount } from '../core/units.ts';
import { isHost } from '../net/addresses.ts';

/** The ports of the document. */
export const FIRST_PORT = 55_000;
export const LAST_PORT = 55_015;
const PORTS_IN_WORDS = `${FIRST_PORT}-${LAST_PORT}`;

/** A command whose errors are one line and status 2. */
export function newCommand(name: string): Command {
  return new Command(name)
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) =>
        write(`${text.trim().replaceAll(/\s*\n\s*/g, ' ')} (See --help.)\n`),
    });
}

/** `55000-55015`, `55000,55002`, or both mixed; 0 stands for a port that is free. */
export function parsePorts(text: string): number[] {
  const ports = text.split(',').flatMap((item) => {
    const [first, last] = item.split('-').map(parsePortOrZero);
    if (first === undefined || item.split('-').length > 2) throw wrongPorts();
    if (!item.includes('-')) return [first];
    if (last === undefined || last < first || first === 0) throw wrongPorts();
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  if (ports.length > 1000) throw new InvalidArgumentError('At most 1000 ports.');
  return [...new Set(ports.filter((port) => port > 0)), ...ports.filter((port) => port === 0)];
}

/** The other way round: neighbours are written as a range. */
export function formatPorts(ports: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && port === run[1] + 1) run[1] = port;
    else runs.push([port, port]);
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',');
}

function parsePortOrZero(text: string): number | undefined {
  return text === '0' ? 0 : parsePort(text);
}

function wrongPorts(): Error {
  return new InvalidArgumentError(
    `Give a range or a list of numbers from 1 to 65535, for example ${PORTS_IN_WORDS} or 55000,55002.`,
  );
}

export function parsePortFlag(text: string): number {
  const port = parsePort(text);
  if (port === undefined) throw new InvalidArgumentError('Give a number from 1 to 65535.');
  return port;
}

/** 0 is a port that the system chooses. */
export function parsePortOrZeroFlag(text: string): number {
  const port = parsePortOrZero(text);
  if (port === undefined) throw new InvalidArgumentError('Give a number from 0 to 65535.');
  return port;
}

export function parseHostFlag(text: string): string {
  if (!isHost(text)) {
    throw new InvalidArgumentError('Give an IP address or a host name, for example 127.0.0.1.');
  }
  return text;
}

export function parseNameFlag(text: string): string {
  const name = parseUserName(text);
  if (name === undefined) {
    throw new InvalidArgumentError('Give 1 to 64 bytes without | and control characters.');
  }
  return name;
}

/** A folder that is there. */
export function parseOldFolderFlag(text: string): string {
  if (!statSync(text, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError('Give a folder; there is none of that name.');
  }
  return text;
}

/** A folder that is there, or can be made. */
export function parseFolderFlag(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new InvalidArgumentError('Give a folder; that is none.');
  }
  return text;
}

/** The largest IP packet, in bytes: what every IPv4 host has to take at least, up to the most. */
export function parseMtu(text: string): number {
  const mtu = Number(text);
  if (!/^\d+$/.test(text) || mtu < 576 || mtu > 65_536) {
    throw new InvalidArgumentError('Give a number of bytes from 576 to 65536, for example 1500.');
  }
  return mtu;
}

/** `20M`: bytes a second, with K, M or G for thousands, millions, thousand millions. */
export function parseRate(text: string): number {
  // On the wire it is a whole number, and 4.1 * 1e6 is none.
  const rate = Math.round(parseAmount(text) ?? 0);
  if (rate < 1000) {
    throw new InvalidArgumentError('Give bytes a second, at least 1K, for example 500K or 20M.');
  }
  return rate;
}

/** `500M`: bytes, with K, M, G or T for thousands and so on. */
export function parseBytes(text: string): number {
  const bytes = Math.round(parseAmount(text) ?? 0);
  if (bytes === 0) throw new InvalidArgumentError('Give bytes, for example 500M or 20G.');
  return bytes;
}
