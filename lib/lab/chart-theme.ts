import type { EChartsOption } from 'echarts';
import type { DownloadTrace } from './download-trace.ts';

/**
 * What is drawn, and how. Each kind has a symbol of its own besides its colour, so that it can be told in grey
 * and by those who see fewer colours.
 */
export const KINDS = {
  first: { name: 'sent', symbol: 'circle', size: 5 },
  again: { name: 'sent again', symbol: 'diamond', size: 11 },
  needless: { name: 'sent again, not needed', symbol: 'rect', size: 8 },
  lost: {
    name: 'lost',
    symbol: 'path://M0,2L2,0L5,3L8,0L10,2L7,5L10,8L8,10L5,7L2,10L0,8L3,5Z',
    size: 9,
  },
  asked: { name: 'asked for again', symbol: 'triangle', size: 9 },
  told: { name: 'feedback: all below are there', symbol: 'none', size: 0 },
  message: { name: 'message', symbol: 'none', size: 0 },
  goodput: { name: 'goodput', symbol: 'none', size: 0 },
} as const;

export type Kind = keyof typeof KINDS;

/** Light ground or dark; the colours are those of Okabe and Ito, changed so that each stands out on it. */
export interface Theme {
  readonly background: string;
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly band: string;
  readonly colors: Readonly<Record<Kind, string>>;
}

export const LIGHT: Theme = {
  ...{ background: '#ffffff', text: '#1a1a1a', faint: '#595959', grid: '#dcdcdc', band: '#ebebeb' },
  colors: {
    ...{ first: '#0072b2', again: '#b35000', needless: '#a0417a', lost: '#000000' },
    ...{ asked: '#00654b', told: '#4a4a4a', message: '#1a1a1a', goodput: '#0072b2' },
  },
};

export const DARK: Theme = {
  ...{ background: '#16181d', text: '#ececec', faint: '#b0b0b0', grid: '#3a3d44', band: '#2a2d34' },
  colors: {
    ...{ first: '#56b4e9', again: '#f0a030', needless: '#e39cc4', lost: '#ffffff' },
    ...{ asked: '#35c79a', told: '#b8b8b8', message: '#ececec', goodput: '#56b4e9' },
  },
};

/** In place of a theme, for whoever puts the colours in later: `$text`, `$colors.first`. */
export const PLACEHOLDERS = placeholders(LIGHT, '$') as unknown as Theme;

function placeholders(values: object, path: string): object {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'object' ? placeholders(value, `${path}${name}.`) : path + name,
    ]),
  );
}

/** The first one comes along for images. */
export const FONT = 'DejaVu Sans, Verdana, sans-serif';

/** What all charts have in common. */
export function baseStyle(theme: Theme, title: string): EChartsOption {
  return {
    animation: false,
    backgroundColor: theme.background,
    textStyle: { fontFamily: FONT, color: theme.text },
    title: { text: title, left: 16, top: 10, textStyle: { color: theme.text, fontSize: 16 } },
    legend: {
      ...{
        top: 40,
        left: 12,
        right: 12,
        itemGap: 30,
        itemWidth: 16,
        itemHeight: 11,
        inactiveColor: theme.grid,
      },
      textStyle: { color: theme.text },
    },
    tooltip: {
      ...{ trigger: 'item', backgroundColor: theme.background, borderColor: theme.faint },
      textStyle: { color: theme.text },
    },
  };
}

/** Lines and words of an axis. */
export function axisStyle(theme: Theme) {
  return {
    nameTextStyle: { color: theme.text },
    axisLabel: { color: theme.text },
    axisLine: { show: true, lineStyle: { color: theme.faint } },
    splitLine: { lineStyle: { color: theme.grid } },
  };
}

/** When the download was asked for, from which times are told: nanoseconds since the first frame. */
export function startOf({ messages, sendings }: DownloadTrace): number {
  return messages[0]?.time ?? sendings[0]?.time ?? 0;
}
