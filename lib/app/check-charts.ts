import { svgOf } from '../lab/chart-image.ts';
import { LADDER_FRAME, ladderChart, RUNG_HEIGHT } from '../lab/chart-ladder.ts';
import { sequenceChart } from '../lab/chart-sequence.ts';
import { LIGHT } from '../lab/chart-theme.ts';
import { tracesOf } from './capture-traces.ts';

const WIDTH = 900;
const HEIGHT = 520;
const MOST_RUNGS = 60;
/** Downloads of one check that are drawn. */
const MOST_CHARTS = 2;

/** The downloads of a capture, drawn: over time, and as a ladder. None when it shows none. */
export function chartsOf(capture: string): string[] {
  // The grader has played the path. A part that was asked for and never came was not lost: it was not sent.
  const traces = tracesOf(capture, true).filter(({ sendings }) => sendings.length > 0);
  return traces.slice(-MOST_CHARTS).flatMap((trace) => {
    const { option, rungs } = ladderChart(trace, LIGHT, MOST_RUNGS);
    return [
      svgOf(sequenceChart(trace, LIGHT), { width: WIDTH, height: HEIGHT }),
      svgOf(option, { width: WIDTH, height: LADDER_FRAME + RUNG_HEIGHT * rungs }),
    ];
  });
}
