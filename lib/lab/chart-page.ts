import type { EChartsOption } from 'echarts';
import { visible } from '../core/text.ts';
import { LADDER_FRAME, ladderChart, RUNG_HEIGHT } from './chart-ladder.ts';
import { sequenceChart } from './chart-sequence.ts';
import { summaryRows } from './chart-summary.ts';
import { DARK, LIGHT, PLACEHOLDERS } from './chart-theme.ts';
import type { DownloadTrace } from './download-trace.ts';

/** Rungs that are seen at once; of a longer ladder, a window. */
const MOST_RUNGS = 45;
/** For the legend, which may take three lines in a narrow window; for the slider. */
const ROOM = { top: 36, bottom: 44 };
const SLIDER = {
  ...{ type: 'slider', showDetail: false, showDataShadow: false, borderColor: '$grid' },
  ...{ fillerColor: 'rgba(128,128,128,0.25)', moveHandleStyle: { color: '$faint' } },
  handleStyle: { color: '$background', borderColor: '$faint' },
} as const;

/** What a page is made of: `lib/lab/chart-page.html`, and the script of the charting library. */
export interface PageParts {
  readonly template: string;
  readonly library: string;
}

/** One page with the charts of all downloads, which needs nothing else to be looked at. */
export function chartPage(traces: readonly DownloadTrace[], parts: PageParts): string {
  const data = JSON.stringify({
    downloads: traces.map(downloadOf),
    themes: { light: LIGHT, dark: DARK },
  });
  // Names come from peers: none of them ends the script that it stands in.
  const filled = { ECHARTS: parts.library, DATA: data.replaceAll('<', '\\u003c') };
  return parts.template.replace(
    /"(ECHARTS|DATA)"/g,
    (_, name: keyof typeof filled) => filled[name],
  );
}

function downloadOf(trace: DownloadTrace) {
  const { option, rungs } = ladderChart(trace, PLACEHOLDERS);
  const { number, file, client } = trace.download;
  return {
    title: `${number}: ${visible(file)}, to ${visible(client)}`,
    summary: summaryRows(trace),
    sequence: { ...sequenceChart(trace, PLACEHOLDERS, ROOM), dataZoom: SEQUENCE_ZOOM },
    ladder: { option, rungs, shown: Math.min(rungs, MOST_RUNGS), ...LADDER_SIZES },
  };
}

const WITH_SHIFT = { zoomOnMouseWheel: 'shift', moveOnMouseMove: 'shift' } as const;
const LADDER_SIZES = { rungHeight: RUNG_HEIGHT, frame: LADDER_FRAME };
// Filtered, so that the numbers of the parts follow the time.
const SEQUENCE_ZOOM = [
  { type: 'inside', xAxisIndex: [0, 1], filterMode: 'filter' },
  { ...SLIDER, xAxisIndex: [0, 1], filterMode: 'filter', bottom: 10, height: 26 },
  // Beside the time, and as a rule of no use.
  { ...{ type: 'inside', yAxisIndex: 0, filterMode: 'none' }, ...WITH_SHIFT },
] satisfies EChartsOption['dataZoom'];
