/**
 * Draws what `npm run bench:peers -- --out FILE` has kept: goodput over loss, a line a tool.
 *
 * usage: npx tsx bench/peers/chart.ts FILE [--mtu 1500] [--out bench/goodput-over-loss.svg]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as echarts from 'echarts';
import { UserError } from '../../lib/app/exit-status.ts';
import { newCommand, parseMtu } from '../../lib/app/flags.ts';
import { runProgram } from '../../lib/app/run-program.ts';
import { medianGoodput, type Result, readResults } from './results.ts';
import { TOOLS } from './tools.ts';

const OUT = join(import.meta.dirname, '../goodput-over-loss.svg');
const WIDTH = 900;
const HEIGHT = 480;
/** For the names of the tools, right of the lines. */
const LEGEND_WIDTH = 240;
const TEXT = { color: '#222', fontSize: 13, fontFamily: 'sans-serif' };
const GRID_COLOR = '#ddd';
/** Okabe and Ito: told apart by those who see fewer colours, too. The first one is ours. */
const COLORS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000'];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'];
/** Seven colours are not enough for all, so the later ones are drawn otherwise. */
const STROKES = ['solid', 'dashed'] as const;

interface Flags {
  readonly mtu: number;
  readonly out: string;
}

await runProgram(
  newCommand('chart')
    .description('Goodput over loss as an SVG.')
    .argument('<file>', 'what --out of bench:peers has kept')
    .option('--mtu <bytes>', 'which runs', parseMtu, 1500)
    .option('--out <file>', 'the SVG', OUT)
    .action((file: string, { mtu, out }: Flags) => {
      const results = readResults(file).filter((result) => result.mtu === mtu);
      writeFileSync(out, chart(results));
    }),
);

/** The runs have all of their condition in common but the loss. */
function chart(results: readonly Result[]): string {
  const [first] = results;
  if (first === undefined) throw new UserError('there are no runs with this MTU');
  const { rate, delay, mtu } = first;
  const losses = [...new Set(results.map(({ loss }) => loss))].sort((a, b) => a - b);
  const series = TOOLS.map(({ name, title }, index) => {
    const runs = results.filter(({ tool }) => tool === name);
    const values = losses.map((loss) => medianGoodput(runs.filter((run) => run.loss === loss)));
    return { measured: runs.length > 0, line: lineOf(title, values, index) };
  }).flatMap(({ measured, line }) => (measured ? [line] : []));
  const drawing = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  drawing.setOption({
    animation: false,
    // Without it, dark text would stand on the background of a dark page.
    backgroundColor: '#fff',
    textStyle: TEXT,
    title: {
      text: `Goodput over a path of ${rate} Mbit/s, ${delay} ms each way, MTU ${mtu}`,
      left: 16,
      top: 12,
      textStyle: { ...TEXT, fontSize: 16, fontWeight: 'bold' },
    },
    grid: { left: 64, right: LEGEND_WIDTH + 24, top: 56, bottom: 56 },
    legend: {
      type: 'plain',
      orient: 'vertical',
      left: WIDTH - LEGEND_WIDTH,
      top: 60,
      itemWidth: 36,
      itemGap: 12,
      textStyle: TEXT,
    },
    xAxis: {
      type: 'category',
      name: 'packets lost each way',
      nameLocation: 'middle',
      nameGap: 32,
      data: losses.map((loss) => `${loss} %`),
      boundaryGap: false,
      axisLabel: TEXT,
    },
    yAxis: {
      type: 'value',
      name: 'MB/s',
      nameLocation: 'middle',
      nameGap: 36,
      min: 0,
      axisLabel: TEXT,
      splitLine: { lineStyle: { color: GRID_COLOR } },
    },
    series,
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return `${svg}\n`;
}

function lineOf(title: string, values: readonly number[], index: number): echarts.LineSeriesOption {
  const color = COLORS[index % COLORS.length] ?? TEXT.color;
  const isOurs = index === 0;
  return {
    type: 'line',
    name: title.replaceAll('`', ''),
    data: [...values],
    color,
    symbol: SYMBOLS[index % SYMBOLS.length] ?? 'circle',
    symbolSize: isOurs ? 9 : 7,
    lineStyle: {
      width: isOurs ? 4 : 2,
      type: STROKES[Math.floor(index / COLORS.length)] ?? 'dotted',
    },
    // Ours over the others, where they cross.
    z: isOurs ? 3 : 2,
  };
}
