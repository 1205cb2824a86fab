import { type Command, InvalidArgumentError, Option } from 'commander';
import { newCommand, parseOldFolderFlag } from '../../lib/app/flags.ts';
import { TOOLS, type Tool } from './tools.ts';

/** What `npm run bench:peers` can be told. Units as in `Condition`. */
export interface Flags {
  readonly size: number;
  readonly runs: number;
  readonly rate: number;
  readonly delay: number;
  readonly loss: readonly number[];
  readonly mtu: readonly number[];
  readonly peers: readonly Tool[];
  readonly modules?: string;
  /** Seconds. */
  readonly limit: number;
  readonly out?: string;
  readonly fairness?: true;
}

export function benchCommand(run: (flags: Flags) => Promise<void>): Command {
  return newCommand('bench:peers')
    .description('File transfer tools over a path between two network namespaces (Linux, root).')
    .option('--runs <count>', 'of each tool under each condition', parsePositive, 5)
    .option('--rate <Mbit/s>', 'of the path', parsePositive, 100)
    .option('--delay <ms>', 'one way', parseNumber, 20)
    .addOption(option('--size <bytes>', 'of the file; M is MiB', parseSize, '50M'))
    .addOption(option('--loss <list>', 'percent of packets each way', parseNumbers, '0,1,5,20'))
    .addOption(option('--mtu <list>', 'largest IP packet', parseNumbers, '1500,2100'))
    .addOption(option('--peers <list>', 'the tools', parsePeers, names()))
    .option('--modules <folder>', 'where packages of npm are installed', parseOldFolderFlag)
    .option('--limit <seconds>', 'give a run up after', parsePositive, 60)
    .option('--out <file>', 'keep each run as a line of JSON; what it has is not measured again')
    .option('--fairness', 'instead: how downloads share the path (the first loss and MTU)')
    .action(run);
}

/** An option whose default is shown as one would write it. */
function option<T>(flags: string, what: string, parse: (text: string) => T, usual: string): Option {
  return new Option(flags, what).argParser(parse).default(parse(usual), usual);
}

function parseSize(text: string): number {
  const parts = /^(\d+)([KMG]?)$/i.exec(text);
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[parts?.[2]?.toUpperCase() ?? ''];
  const size = Number(parts?.[1]) * (factor ?? 1);
  if (!(size > 0)) throw new InvalidArgumentError('Give a number of bytes, for example 50M.');
  return size;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0)) throw new InvalidArgumentError('Give a number.');
  return value;
}

function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (value === 0) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

function parseNumbers(text: string): number[] {
  return text.split(',').map(parseNumber);
}

function parsePeers(text: string): Tool[] {
  return text.split(',').map((name) => {
    const tool = TOOLS.find((other) => other.name === name);
    if (tool === undefined) {
      throw new InvalidArgumentError(`There is no ${name}, but there are ${names()}.`);
    }
    return tool;
  });
}

function names(): string {
  return TOOLS.map(({ name }) => name).join(',');
}
