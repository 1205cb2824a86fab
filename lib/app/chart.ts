import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { visible } from '../core/text.ts';
import { pngOf, svgOf } from '../lab/chart-image.ts';
import { LADDER_FRAME, ladderChart, RUNG_HEIGHT } from '../lab/chart-ladder.ts';
import { chartPage } from '../lab/chart-page.ts';
import { sequenceChart } from '../lab/chart-sequence.ts';
import { summaryRows } from '../lab/chart-summary.ts';
import { LIGHT } from '../lab/chart-theme.ts';
import type { DownloadTrace } from '../lab/download-trace.ts';
import { tracesOf } from './capture-traces.ts';
import { UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { packageFolder } from './package-files.ts';

interface Flags {
  readonly out?: string;
  readonly svg?: true;
  readonly png?: true;
  readonly download?: number;
}

const ECHARTS = 'echarts/dist/echarts.min.js';
const WIDTH = 1000;
const SEQUENCE_HEIGHT = 640;
/** Rungs of a ladder in an image: more fit no page. */
const MOST_RUNGS = 150;

/** `wirelab chart` */
export function chartCommand(): Command {
  return newCommand('chart')
    .description('Draw the downloads of a capture: over time, as a ladder, and in numbers.')
    .argument('<capture>', 'pcapng or pcap, by --capture or by Wireshark, tcpdump, dumpcap')
    .option('--out <file>', 'the page; the name of the capture with .html by default')
    .option('--svg', 'images for handouts besides, beside the page')
    .option('--png', 'the same as PNG')
    .option('--download <number>', 'that one only', parseNumber)
    .action(chart);
}

function chart(capture: string, { out, svg, png, download }: Flags): void {
  const all = tracesOf(capture);
  const traces = all.filter(({ download: { number } }) => number === (download ?? number));
  if (traces.length === 0) throw nothingToShow(capture, all.length, download);
  const page = out ?? `${basename(capture, extname(capture))}.html`;
  write(page, chartPage(traces, pageParts()));
  for (const trace of traces) {
    tell(trace);
    for (const [name, image] of svg || png ? imagesOf(trace) : []) {
      const path = imagePath(page, traces.length > 1 ? trace.download.number : undefined, name);
      if (svg) write(`${path}.svg`, image);
      if (png) write(`${path}.png`, pngOf(image));
    }
  }
}

function* imagesOf(trace: DownloadTrace): Generator<[string, string]> {
  const sequence = sequenceChart(trace, LIGHT);
  yield ['sequence', svgOf(sequence, { width: WIDTH, height: SEQUENCE_HEIGHT })];
  const { option, rungs } = ladderChart(trace, LIGHT, MOST_RUNGS);
  yield ['ladder', svgOf(option, { width: WIDTH, height: LADDER_FRAME + RUNG_HEIGHT * rungs })];
}

/** `page.html` becomes `page.2.ladder`. */
function imagePath(page: string, number: number | undefined, name: string): string {
  const stem = page.slice(0, page.length - extname(page).length);
  return [stem, ...(number === undefined ? [] : [number]), name].join('.');
}

function pageParts(): { template: string; library: string } {
  const built = join(packageFolder(), 'dist/echarts.min.js');
  // In a clone that is not built it is where npm has put it.
  const library = existsSync(built) ? built : createRequire(import.meta.url).resolve(ECHARTS);
  return {
    template: readFileSync(join(packageFolder(), 'lib/lab/chart-page.html'), 'utf8'),
    library: readFileSync(library, 'utf8'),
  };
}

function tell(trace: DownloadTrace): void {
  const { number, file, client } = trace.download;
  const rows = summaryRows(trace).map(([name, value]) => `  ${name}: ${value}\n`);
  process.stdout.write(`${number}: ${visible(file)}, to ${visible(client)}\n${rows.join('')}`);
}

/** Its own earlier pages and images are replaced, and nothing else. */
function write(path: string, content: string | Buffer): void {
  try {
    if (!isOurs(path)) throw new Error('there is something else of that name');
    writeFileSync(path, content);
  } catch (error) {
    throw new UserError(`${path} cannot be written: ${(error as Error).message}`);
  }
  process.stdout.write(`${path}\n`);
}

function nothingToShow(capture: string, count: number, wanted: number | undefined): UserError {
  return new UserError(
    count === 0
      ? `${capture} shows no download of the classroom protocol`
      : `${capture} has ${count} downloads, and no number ${wanted}`,
  );
}

function parseNumber(text: string): number {
  const number = Number(text);
  if (!/^\d{1,6}$/.test(text) || number === 0)
    throw new InvalidArgumentError('Give a number from 1 on.');
  return number;
}

/** What they begin with, or have near their beginning. */
const MARKS = ['content="wirelab chart"', '<svg ', '\x89PNG'];
const MARK_WITHIN = 512;

function isOurs(path: string): boolean {
  if (!existsSync(path)) return true;
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(MARK_WITHIN);
    readSync(fd, start);
    return MARKS.some((mark) => start.toString('latin1').includes(mark));
  } finally {
    closeSync(fd);
  }
}
