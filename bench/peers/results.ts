import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { median } from '../table.ts';

/** One tool under one condition: what its runs have in common. */
export interface Condition {
  readonly tool: string;
  /** Mbit/s, counted in bytes of IP packets. */
  readonly rate: number;
  /** One way, in ms. */
  readonly delay: number;
  /** Of the packets each way, in percent. */
  readonly loss: number;
  /** The largest IP packet, in bytes. */
  readonly mtu: number;
  /** Bytes of the file. */
  readonly size: number;
}

/** One run. */
export interface Result extends Condition {
  readonly run: number;
  readonly outcome: 'done' | 'gave up' | 'failed';
  /** Of the whole command. */
  readonly seconds: number;
  /** 10⁶ bytes of the file a second; 0 unless the file arrived, and whole. */
  readonly goodput: number;
  /** Parts that arrived though they had been there, in percent of those of the file. */
  readonly inVain?: number;
  /** Packets to the client that found the queue full. */
  readonly dropped?: number;
  /** The mean queue on the way to the client, in bytes. */
  readonly meanQueue?: number;
  /** What a command said that did not end well. */
  readonly error?: string;
}

/** What was measured, and the file of JSON lines that keeps it, if there is one. */
export class Results {
  readonly #path: string | undefined;
  readonly all: Result[] = [];

  constructor(path: string | undefined) {
    this.#path = path;
    if (path !== undefined && existsSync(path)) this.all = readResults(path);
  }

  add(result: Result): void {
    this.all.push(result);
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }

  of(condition: Condition): Result[] {
    return this.all.filter((result) => key(result) === key(condition));
  }
}

export function readResults(path: string): Result[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Result);
}

/** The goodput that half of the runs reach; a run without a whole file counts as 0. */
export function medianGoodput(results: readonly Result[]): number {
  return median(results.map(({ goodput }) => goodput));
}

function key({ tool, rate, delay, loss, mtu, size }: Condition): string {
  return [tool, rate, delay, loss, mtu, size].join(' ');
}
