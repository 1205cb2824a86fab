import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import { type EChartsOption, init } from 'echarts';

/** Pixels of a PNG for each of its SVG: sharp in print. */
const SCALE = 2;
const FONT_FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The chart as an SVG. */
export function svgOf(option: EChartsOption, size: ImageSize): string {
  const drawing = init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    drawing.setOption(option);
    return drawing.renderToSVGString();
  } finally {
    // It keeps a timer otherwise, and the process with it.
    drawing.dispose();
  }
}

/** An SVG as a PNG. The font comes along: a bare machine has none, and would leave all words out. */
export function pngOf(svg: string): Buffer {
  const require = createRequire(import.meta.url);
  const fontFiles = FONT_FILES.map((name) => require.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' };
  return new Resvg(svg, { fitTo: { mode: 'zoom', value: SCALE }, font }).render().asPng();
}
