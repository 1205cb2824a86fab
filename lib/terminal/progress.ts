import { type Options, SingleBar } from 'cli-progress';
import { firstCharacters, formatBytes, visible } from '../core/text.ts';

export interface Progress {
  /**
   * So many segments are there; the bar is redrawn now and then, or at once when `now` is set.
   * @param file its name, when it is another one by now.
   */
  update(segments: number, now?: boolean, file?: string): void;
  stop(): void;
}

/** Where a progress bar is drawn. */
export interface BarPlace {
  readonly columns: number;
  setStatus(text: string | undefined): void;
}

export interface ProgressOptions {
  readonly place: BarPlace;
  readonly file: string;
  readonly segmentCount: number;
  readonly segmentPayload: number;
}

/** A name takes so much, and more where there is room beside percent, rate and time. */
const MIN_LABEL = 20;
const NUMBERS_WIDTH = 32;

/** How often the bar learns how far it is; the time left is judged by the last twenty times. */
const UPDATE_SPAN_MS = 100;
const ETA_UPDATES = 20;
/** The rate is that of this span. */
const RATE_SPAN_MS = 500;
const FIRST_SPAN_MS = 50;

/** A bar with rate and time left. */
export function showProgress(options: ProgressOptions): Progress {
  const { place, segmentCount, segmentPayload } = options;
  const barsize = Math.max(5, Math.min(30, place.columns - 48));
  const width = Math.max(MIN_LABEL, place.columns - barsize - NUMBERS_WIDTH);
  const barOptions: Options & { terminal: object } = {
    format: `{file} [{bar}] {percentage}% {rate} {eta_formatted} left`,
    barsize,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    gracefulExit: false,
    formatTime: (seconds) => formatSeconds(seconds),
    etaBuffer: ETA_UPDATES,
    terminal: statusTerminal(place),
  };
  const bar = new SingleBar(barOptions);
  let file = label(options.file, width);
  bar.start(segmentCount, 0, { file, rate: '' });
  const meter = new RateMeter();
  let updated = 0;
  return {
    update(segments, now = false, name) {
      const time = performance.now();
      if (!now && time - updated < UPDATE_SPAN_MS) return;
      updated = time;
      if (name !== undefined) file = label(name, width);
      bar.update(segments, { file, rate: formatRate(meter.at(segments * segmentPayload)) });
    },
    stop() {
      bar.stop();
      place.setStatus(undefined);
    },
  };
}

/** A line that says how much has come, where nobody knows how much there is. */
export function showCounter(place: BarPlace): {
  update(file: string, bytes: number): void;
  stop(): void;
} {
  const meter = new RateMeter();
  let updated = 0;
  return {
    update(file, bytes) {
      const time = performance.now();
      if (time - updated < UPDATE_SPAN_MS) return;
      updated = time;
      const text = `${label(file, MIN_LABEL)} ${formatBytes(bytes)} ${formatRate(meter.at(bytes))}`;
      place.setStatus(text.slice(0, place.columns - 1));
    },
    stop() {
      place.setStatus(undefined);
    },
  };
}

function label(file: string, width: number): string {
  return visible(firstCharacters(file, width));
}

/** For example `1:05`; the library passes a word while it does not know. */
function formatSeconds(seconds: unknown): string {
  if (typeof seconds !== 'number') return '-:--';
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.round(seconds) % 60).padStart(2, '0')}`;
}

/** Bytes a second, over the last half second. */
class RateMeter {
  #rate = 0;
  #since = performance.now();
  #bytes = 0;

  at(bytes: number): number {
    const now = performance.now();
    const span = now - this.#since;
    if (this.#rate === 0 && span < FIRST_SPAN_MS) {
      // What was there at the start says nothing about the rate.
      this.#since = now;
      this.#bytes = bytes;
      return 0;
    }
    if (span >= RATE_SPAN_MS || this.#rate === 0) {
      this.#rate = ((bytes - this.#bytes) / Math.max(1, span)) * 1000;
      this.#since = now;
      this.#bytes = bytes;
    }
    return this.#rate;
  }
}

/** For example `12.3 MB/s`; 1 MB is a million bytes. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** What the bar writes becomes the status line, wherever that is just now. */
function statusTerminal(place: BarPlace): object {
  const nothing = (): void => undefined;
  return {
    isTTY: () => true,
    getWidth: () => place.columns,
    write: (text: string) => place.setStatus(text.slice(0, place.columns - 1)),
    cursorSave: nothing,
    cursorRestore: nothing,
    cursor: nothing,
    cursorTo: nothing,
    cursorRelative: nothing,
    cursorRelativeReset: nothing,
    clearRight: nothing,
    clearLine: nothing,
    clearBottom: nothing,
    newline: nothing,
    lineWrapping: nothing,
  };
}
