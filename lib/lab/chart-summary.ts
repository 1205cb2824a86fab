import { formatBytes, formatRuns } from '../core/text.ts';
import type { DownloadTrace } from './download-trace.ts';
import { summarize } from './trace-summary.ts';

/** What became of a download, in words: names and values, to be shown in this order. */
export function summaryRows(trace: DownloadTrace): (readonly [string, string])[] {
  const { download, missing, told } = trace;
  const summary = summarize(trace);
  const { fast, stream } = download;
  const numbers = `${formatRuns(missing.first)}${missing.count > missing.first.length ? ', …' : ''}`;
  return [
    ['rules', fast === undefined ? 'of the document' : 'fast profile'],
    ['server, client', `${stream.server}, ${stream.client}`],
    ['parts', `${count(summary.parts)} of ${count(download.payload)} bytes`],
    ['bytes that came', formatBytes(summary.bytes)],
    ['missing in the end', missing.count === 0 ? 'none' : `${count(missing.count)} (${numbers})`],
    ['sent in all', count(summary.sent)],
    ['lost', `${count(summary.lost)}${share(summary.lost, summary.sent)}`],
    ...(fast === undefined
      ? ([['re-requests', `${summary.reRequests}, for ${count(summary.askedFor)} parts`]] as const)
      : ([['feedback', count(told.length)]] as const)),
    ['sent again, needed', count(summary.sentAgain)],
    ['sent again, not needed', count(summary.needless)],
    ['first to last part', milliseconds(summary.span)],
    ['pause', milliseconds(summary.paused)],
    ['waited before asking again', milliseconds(summary.waited)],
    [
      'goodput, without the pause',
      summary.goodput === undefined ? '-' : `${formatBytes(summary.goodput)}/s`,
    ],
  ];
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function share(part: number, all: number): string {
  return part === 0 ? '' : ` (${((100 * part) / all).toFixed(1)} %)`;
}

function milliseconds(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} ms`;
}
