import { describe, expect, it } from 'vitest';
import { formatBytes } from '../../lib/core/text.ts';
import {
  type BarPlace,
  formatRate,
  type Progress,
  showProgress,
} from '../../lib/terminal/progress.ts';

/** A place that remembers what was shown in it. */
class Shown implements BarPlace {
  readonly columns: number;
  readonly all: (string | undefined)[] = [];

  constructor(columns: number) {
    this.columns = columns;
  }

  get last(): string | undefined {
    return this.all.at(-1);
  }

  setStatus(text: string | undefined): void {
    this.all.push(text);
  }
}

function show(place: BarPlace, file = 'q.txt', segmentCount = 100): Progress {
  return showProgress({ place, file, segmentCount, segmentPayload: 2043 });
}

describe('showProgress', () => {
  it('shows the file, a bar, the share, the rate and the time left', async () => {
    const place = new Shown(80);
    const progress = show(place);
    progress.update(50, true);
    await expect
      .poll(() => place.last)
      .toMatch(/^q\.txt \[#{15}-{15}\] 50% [\d.]+ (bytes|kB|MB|GB)\/s (\d+:\d\d|-:--) left$/);
    progress.update(100, true);
    await expect.poll(() => place.last).toMatch(/^q\.txt \[#{30}\] 100% .* 0:00 left$/);
    progress.stop();
  });

  it('goes away when it is stopped', () => {
    const place = new Shown(80);
    const progress = show(place);
    progress.update(50, true);
    progress.stop();
    expect(place.last).toBeUndefined();
  });

  it('is not drawn anew for every part', () => {
    const place = new Shown(80);
    const progress = show(place, 'q.txt', 1_000_000);
    const start = performance.now();
    for (let part = 0; part < 100_000; part += 1) progress.update(part);
    const tenths = (performance.now() - start) / 100;
    progress.stop();
    expect(place.all.length).toBeLessThanOrEqual(5 + tenths);
  });

  it('is never wider than its place', () => {
    for (const columns of [20, 40, 60, 80, 200]) {
      const place = new Shown(columns);
      const progress = show(place, 'a-name-that-is-much-longer-than-twenty-characters.txt');
      progress.update(99, true);
      progress.stop();
      const drawn = place.all.filter((text) => text !== undefined);
      expect(drawn.at(-1)).toMatch(/^a-name-that-is-much/);
      for (const text of drawn) expect(text.length).toBeLessThan(columns);
    }
  });

  it('shows a file name without obeying its escape sequences', () => {
    const place = new Shown(80);
    const progress = show(place, '\x1b[2J.txt');
    progress.update(1, true);
    progress.stop();
    expect(place.all[0]).toContain('\\x1b[2J.txt');
    expect(place.all.join('')).not.toContain('\x1b');
  });
});

describe('formatBytes and formatRate', () => {
  it.each([
    [0, '0 bytes'],
    [2043, '2043 bytes'],
    [9999, '9999 bytes'],
    [10_000, '10.0 kB'],
    [68_328, '68.3 kB'],
    [1_000_000, '1.0 MB'],
    [12_345_678, '12.3 MB'],
    [1_073_741_824, '1.1 GB'],
    [5e15, '5000.0 TB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
    expect(formatRate(bytes)).toBe(`${text}/s`);
  });

  it('does not show a thousand of a unit where one of the next would do', () => {
    expect(formatBytes(999_999)).toBe('1.0 MB');
    expect(formatBytes(999_960_000)).toBe('1.0 GB');
  });
});
