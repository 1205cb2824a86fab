import type { EChartsOption, LineSeriesOption, ScatterSeriesOption } from 'echarts';
import { visible } from '../core/text.ts';
import { axisStyle, baseStyle, KINDS, type Kind, startOf, type Theme } from './chart-theme.ts';
import type { DownloadTrace } from './download-trace.ts';
import type { Sending } from './loss-finder.ts';
import { goodputOverTime, roundUp } from './trace-summary.ts';

const BINS = 100;
const MILLION = 1e6;
/** A pause that takes more than this part of the time is drawn shorter. */
const LONG_PAUSE = 0.25;

/** So many marks of a kind are dots. */
const MANY = 2000;
/** Pixels of a mark where there are hundreds. */
const SMALL = 5;
const DOT = 3;
/** Marks for one re-request. */
const MANY_ASKED = 250;
const HOLLOW: ReadonlySet<Kind> = new Set(['needless', 'asked']);

const NO_ROOM = { top: 0, bottom: 0 };

type Row = (number | string)[];
type Clock = (time: number) => number;

/** What is drawn of each sending: a lost one was sent, too, but has one mark. */
const KIND_OF_SENDINGS: Readonly<Partial<Record<Kind, (sending: Sending) => boolean>>> = {
  first: ({ why, lost }) => why === 'first' && !lost,
  again: ({ why, lost }) => why === 'again' && !lost,
  needless: ({ why, lost }) => why === 'needless' && !lost,
  lost: ({ lost }) => lost,
};

/**
 * Time–sequence: a mark for each part where it was sent, lost, asked for, and sent again; goodput below it.
 * All of it is data, so that it can be drawn in a page and without one.
 * @param room pixels that are left free: for a legend of several lines, for a slider.
 */
export function sequenceChart(trace: DownloadTrace, theme: Theme, room = NO_ROOM): EChartsOption {
  const start = startOf(trace);
  const clock: Clock = (time) => (time - start) / MILLION;
  const { download } = trace;
  const [first, ...others] = [
    ...Object.entries(KIND_OF_SENDINGS).map(([kind, isOf]) =>
      marks(kind as Kind, theme, trace.sendings.filter(isOf).map(rowOf(clock))),
    ),
    marks(
      'asked',
      theme,
      trace.reRequests.flatMap(({ seqs, time, frame }) =>
        thinned(seqs).map((seq) => [clock(time), seq, frame]),
      ),
    ),
  ].filter(({ data }) => data.length > 0);
  const lines = [...toldLine(trace, clock, theme), goodputLine(trace, clock, theme)];
  return {
    ...baseStyle(theme, `${visible(download.file)}: ${download.segmentCount} parts`),
    grid: [
      { left: 76, right: 28, top: 96 + room.top, bottom: 196 + room.bottom },
      { left: 76, right: 28, height: 100, bottom: 56 + room.bottom },
    ],
    axisPointer: { link: [{ xAxisIndex: 'all' }], label: { show: false } },
    xAxis: timeAxes(trace, clock, theme),
    yAxis: [
      {
        ...{ type: 'value', name: 'part', nameLocation: 'middle', nameGap: 54, scale: true },
        ...{ minInterval: 1, ...axisStyle(theme) },
      },
      {
        ...{ type: 'value', gridIndex: 1, name: 'MB/s', nameLocation: 'middle', nameGap: 54 },
        ...{ min: 0, splitNumber: 3, ...axisStyle(theme) },
      },
    ],
    series: [
      ...(first === undefined ? [] : [{ ...first, ...pauseArea(trace, clock, theme) }]),
      ...others,
      ...lines,
    ],
  };
}

/** Of a list with more numbers than there are pixels, every so many. */
function thinned(seqs: readonly number[]): readonly number[] {
  const step = Math.ceil(seqs.length / MANY_ASKED);
  return step === 1 ? seqs : seqs.filter((_, index) => index % step === 0);
}

function rowOf(clock: Clock): (sending: Sending) => Row {
  return ({ time, seq, frame, nth }) => [clock(time), seq, frame ?? 'not in the capture', nth];
}

function marks(kind: Kind, theme: Theme, data: Row[]): ScatterSeriesOption & { data: Row[] } {
  const { name, symbol, size } = KINDS[kind];
  // Of thousands only dots are drawn fast enough.
  const isMany = data.length >= MANY;
  const isHollow = HOLLOW.has(kind) && !isMany;
  const symbolSize = isMany ? DOT : data.length < MANY / 10 ? size : Math.min(size, SMALL);
  return {
    ...{ type: 'scatter', name, symbol: isMany ? 'rect' : symbol, symbolSize },
    ...{ color: theme.colors[kind], data, large: isMany, largeThreshold: MANY },
    dimensions: ['time in ms', 'part', 'frame', 'sending'],
    encode: { x: 0, y: 1, tooltip: kind === 'asked' ? [2, 0, 1] : [2, 0, 1, 3] },
    // Losses over what was sent, re-requests over losses.
    z: kind === 'first' ? 2 : 3,
    itemStyle: isHollow
      ? { color: 'transparent', borderColor: theme.colors[kind], borderWidth: 1.5, opacity: 1 }
      : { opacity: 1 },
  };
}

function toldLine({ told }: DownloadTrace, clock: Clock, theme: Theme): LineSeriesOption[] {
  if (told.length === 0) return [];
  const { name } = KINDS.told;
  return [
    {
      ...{ type: 'line', name, step: 'end', symbol: 'none', color: theme.colors.told },
      // Not dashed: that takes long for many of them.
      lineStyle: { width: 1 },
      ...{ silent: true, data: told.map(({ time, base }) => [clock(time), base]) },
    },
  ];
}

function goodputLine(trace: DownloadTrace, clock: Clock, theme: Theme): LineSeriesOption {
  const { name } = KINDS.goodput;
  return {
    ...{ type: 'line', name, xAxisIndex: 1, yAxisIndex: 1, step: 'end', symbol: 'none' },
    ...{ color: theme.colors.goodput, areaStyle: { opacity: 0.25 }, silent: true },
    data: goodputOverTime(trace, BINS).map(({ time, rate }) => [clock(time), rate / MILLION]),
  };
}

function timeAxes(
  trace: DownloadTrace,
  clock: Clock,
  theme: Theme,
): NonNullable<EChartsOption['xAxis']> {
  const ends = [trace.sendings, trace.reRequests, trace.told].map((list) => list.at(-1)?.time ?? 0);
  const end = Math.max(clock(Math.max(...ends, trace.messages.at(-1)?.time ?? 0)), 0.001);
  // One that reads well, and is the same for both.
  const step = roundUp(end / 50);
  const max = step * Math.ceil(end / step);
  const from = trace.pause === undefined ? 0 : clock(trace.pause.from);
  const to = trace.pause === undefined ? 0 : clock(trace.pause.to);
  const isLong = to - from > LONG_PAUSE * max;
  const breaks = isLong ? [{ start: Math.ceil(from), end: Math.floor(to), gap: '4%' }] : [];
  return [0, 1].map((gridIndex) => ({
    ...{ type: 'value', gridIndex, min: 0, max, ...axisStyle(theme) },
    ...(gridIndex === 1 && { name: 'time in ms', nameLocation: 'middle', nameGap: 28 }),
    axisLabel: { show: gridIndex === 1, color: theme.text, hideOverlap: true },
    ...{ breaks, breakArea: { itemStyle: { color: theme.band, borderColor: theme.faint } } },
  }));
}

function pauseArea(
  { pause }: DownloadTrace,
  clock: Clock,
  theme: Theme,
): Pick<ScatterSeriesOption, 'markArea'> {
  if (pause === undefined) return {};
  const from = clock(pause.from);
  const to = clock(pause.to);
  return {
    markArea: {
      silent: true,
      itemStyle: { color: theme.band },
      label: { position: 'top', distance: 9, color: theme.faint },
      data: [
        [{ name: `pause, ${Math.round(10 * (to - from)) / 10} ms`, xAxis: from }, { xAxis: to }],
      ],
    },
  };
}
