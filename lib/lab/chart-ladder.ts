import type { EChartsOption, LinesSeriesOption, ScatterSeriesOption } from 'echarts';
import { visible } from '../core/text.ts';
import { baseStyle, KINDS, startOf, type Theme } from './chart-theme.ts';
import type { DownloadTrace } from './download-trace.ts';
import { ladder, type Rung } from './ladder.ts';

/** Pixels from one rung to the next, and those above and below all of them. */
export const RUNG_HEIGHT = 28;
export const LADDER_FRAME = 150;

const MILLION = 1e6;
/** An arrow sinks by so much of a rung: what is sent arrives later. */
const SINKS = 0.4;
/** Where a lost one ends, on its way from one line to the other. */
const LOST_AT = 0.72;

const GRID = { left: 110, right: 40, top: 124, bottom: 16 };
const HALF_WORD = 28;

const ARROWS = ['message', 'first', 'again', 'needless', 'told'] as const;

type Arrow = Exclude<Rung, { kind: 'quiet' }>;
type Placed<Kind extends Rung> = Kind & { readonly row: number };

export interface LadderChart {
  readonly option: EChartsOption;
  /** Those that are drawn. */
  readonly rungs: number;
}

/**
 * Ladder: client and server as two lines, what they say and send as arrows from one to the other. A lost one
 * ends in a cross; where nothing happens the time is folded.
 * @param most rungs that are drawn; all, when absent.
 */
export function ladderChart(trace: DownloadTrace, theme: Theme, most?: number): LadderChart {
  const all = ladder(trace);
  const rungs = all.slice(0, most).map((rung, row) => ({ ...rung, row }));
  const arrows = rungs.filter((rung): rung is Placed<Arrow> => rung.kind !== 'quiet');
  const { download } = trace;
  const cut =
    rungs.length < all.length ? ` (the first ${rungs.length} of ${all.length} steps)` : '';
  const title = `${visible(download.client)} downloads ${visible(download.file)}${cut}`;
  const lines = [
    ...ARROWS.map((kind) =>
      series(
        kind,
        theme,
        arrows.filter((arrow) => arrow.kind === kind && !arrow.lost),
      ),
    ),
    series(
      'lost',
      theme,
      arrows.filter(({ lost }) => lost),
    ),
  ].filter(({ data }) => data.length > 0);
  const { title: about, ...style } = baseStyle(theme, title);
  const option: EChartsOption = {
    ...style,
    // The charting library knows no words for the ends of an axis, but several titles.
    title: [
      ...[about ?? []].flat(),
      { text: 'client', left: GRID.left - HALF_WORD, ...endTitle(theme) },
      { text: 'server', right: GRID.right - HALF_WORD, ...endTitle(theme) },
    ],
    legend: {
      ...style.legend,
      data: lines.map(({ name }) => ({
        name,
        ...(name === KINDS.lost.name && { icon: KINDS.lost.symbol }),
      })),
    },
    grid: GRID,
    xAxis: {
      ...{ type: 'value', min: 0, max: 1, interval: 1, position: 'top' },
      ...{ axisLine: { show: false }, axisTick: { show: false }, axisLabel: { show: false } },
      splitLine: { lineStyle: { color: theme.text, width: 1.5 } },
    },
    yAxis: { type: 'value', inverse: true, show: false, min: -0.7, max: rungs.length },
    series: [times(arrows, startOf(trace), theme), folds(rungs.filter(isQuiet), theme), ...lines],
  };
  return { option, rungs: rungs.length };
}

function isQuiet(rung: Placed<Rung>): rung is Placed<Extract<Rung, { kind: 'quiet' }>> {
  return rung.kind === 'quiet';
}

function endTitle(theme: Theme): { top: number; textStyle: { fontSize: number; color: string } } {
  return { top: 98, textStyle: { fontSize: 13, color: theme.text } };
}

function times(arrows: readonly Placed<Arrow>[], start: number, theme: Theme): ScatterSeriesOption {
  const data = arrows.map(({ time, row, from }) => ({
    name: `${((time - start) / MILLION).toFixed(2)} ms`,
    value: [0, row + (from === 'client' ? 0 : SINKS)],
  }));
  return words(data, 'left', { color: theme.faint, fontSize: 11 });
}

function folds(rungs: readonly Placed<Rung>[], theme: Theme): ScatterSeriesOption {
  const data = rungs.map(({ label, row }) => ({
    name: `⋮  ${label}  ⋮`,
    value: [0.5, row + 0.05],
  }));
  return words(data, 'inside', { color: theme.faint, fontSize: 12 });
}

/** Text at places, without a symbol. */
function words(
  data: NonNullable<ScatterSeriesOption['data']>,
  position: 'left' | 'inside',
  style: NonNullable<ScatterSeriesOption['label']>,
): ScatterSeriesOption {
  return {
    ...{ type: 'scatter', symbolSize: 0.1, silent: true, clip: true, data },
    label: { show: true, position, formatter: '{b}', ...style },
  };
}

function series(
  kind: keyof typeof KINDS,
  theme: Theme,
  arrows: readonly Placed<Arrow>[],
): LinesSeriesOption & { name: string; data: object[] } {
  const color = theme.colors[kind];
  const isLost = kind === 'lost';
  return {
    ...{ type: 'lines', name: KINDS[kind].name, coordinateSystem: 'cartesian2d', color },
    ...{ symbol: ['none', isLost ? KINDS.lost.symbol : 'arrow'], symbolSize: isLost ? 11 : 9 },
    lineStyle: { width: 1.5, opacity: 1, type: kind === 'told' ? 'dashed' : 'solid', color },
    label: {
      show: true,
      position: 'middle',
      distance: 7,
      formatter: '{b}',
      color: theme.text,
      fontSize: 12,
    },
    data: arrows.map(({ label, row, from, lost, frame }) => {
      const [start, end] = from === 'client' ? [0, 1] : [1, 0];
      const share = lost ? LOST_AT : 1;
      const x = start + share * (end - start);
      return {
        name: label,
        value: frame ?? 'not in the capture',
        coords: [
          [start, row],
          [x, row + share * SINKS],
        ],
      };
    }),
  };
}
