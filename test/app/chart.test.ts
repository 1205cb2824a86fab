import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, OpenPage, type PageOptions } from '../support/browser.ts';
import { packets } from '../support/dissectors.ts';
import { record } from '../support/recorded.ts';
import { captureOf } from '../support/samples/list.ts';
import { hasTshark } from '../support/tshark.ts';
import { TemporaryFolder } from './folders.ts';
import { run, WIRELAB } from './programs.ts';

/** Parts 0, 7 and 23 are lost, 7 twice; part 5 comes twice. */
const capture = captureOf('classroom-loss');

/** Runs in the page: words of a chart that stand on others, or out of it. */
const OVERLAPS = `(chart) => {
  const [width, height] = [chart.getWidth(), chart.getHeight()];
  const words = chart.getZr().storage.getDisplayList(true)
    .filter((one) => one.style.text && !one.invisible && !one.ignore)
    .map((one) => {
      const box = one.getBoundingRect().clone();
      if (one.transform) box.applyTransform(one.transform);
      return { text: one.style.text, box };
    });
  const apart = (a, b) => a.x + a.width <= b.x + 1 || b.x + b.width <= a.x + 1 ||
    a.y + a.height <= b.y + 1 || b.y + b.height <= a.y + 1;
  const out = words.filter(({ box: { x, y, width: w, height: h } }) =>
    x < -1 || y < -1 || x + w > width + 1 || y + h > height + 1).map(({ text }) => 'out: ' + text);
  const over = words.flatMap((a, index) => words.slice(index + 1)
    .filter((b) => !apart(a.box, b.box)).map((b) => a.text + ' / ' + b.text));
  return { count: words.length, problems: [...out, ...over] };
}`;

interface Series {
  readonly name?: string;
  readonly data: readonly (readonly (number | string)[])[];
}

describe('wirelab chart', () => {
  let folder: TemporaryFolder;
  let page: string;
  let printed: string;
  beforeAll(async () => {
    folder = await TemporaryFolder.create();
    page = join(folder.path, 'client.html');
    const drawn = await run(WIRELAB, ['chart', capture, '--out', page, '--svg', '--png']);
    expect(drawn).toMatchObject({ status: 0, stderr: '' });
    printed = drawn.stdout;
    return () => folder[Symbol.asyncDispose]();
  });

  const open = (options: PageOptions): Promise<OpenPage> => OpenPage.open(page, options);

  test('says in numbers what became of the download, and where the page is', () => {
    const lines = printed.split('\n').map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        ...[page, '1: story.txt, to ann', 'parts: 24 of 2,043 bytes', 'bytes that came: 48.0 kB'],
        ...['missing in the end: none', 'sent in all: 29', 'lost: 4 (13.8 %)'],
        ...['re-requests: 3, for 4 parts', 'sent again, needed: 4', 'sent again, not needed: 1'],
      ]),
    );
  });

  test('draws images with words in them, on any machine', () => {
    for (const name of ['sequence', 'ladder']) {
      const svg = readFileSync(join(folder.path, `client.${name}.svg`), 'utf8');
      expect(svg).toMatch(/^<svg .*<\/svg>\s*$/s);
      expect(svg).toContain(name === 'ladder' ? 'part 7, again' : 'asked for again');
      const png = decode(readFileSync(join(folder.path, `client.${name}.png`)));
      expect(png.width).toBe(2000);
      // The title stands there: dark on white.
      const title = Array.from({ length: 60 * 300 }, (_, index) => {
        const at = (20 + Math.floor(index / 300)) * png.width + 30 + (index % 300);
        return png.data[at * png.channels] ?? 255;
      });
      const dark = title.filter((value) => value < 100).length;
      expect(dark).toBeGreaterThan(300);
      expect(dark).toBeLessThan(title.length / 3);
    }
  });

  describe.skipIf(!hasBrowser)('in a browser', () => {
    test.skipIf(!hasTshark)('shows each part where Wireshark sees it', async () => {
      await using opened = await open({ width: 1200 });
      const series = (await opened.page.evaluate(
        'charts.sequence.getOption().series.map(({ name, data }) => ({ name, data }))',
      )) as Series[];
      const rowsOf = (name: string): [string, string][] =>
        (series.find((one) => one.name === name)?.data ?? []).map(([, seq, frame]) => [
          String(seq),
          String(frame),
        ]);
      const seen = async (filter: string): Promise<[string, string][]> => {
        const rows = await packets(capture, filter, ['classroom.seq', 'frame.number']);
        return rows.map((row) => [row['classroom.seq'] ?? '', row['frame.number'] ?? '']);
      };
      expect(rowsOf('sent')).toEqual(await seen('classroom.retransmission == 0'));
      expect(rowsOf('sent again')).toEqual(await seen('classroom.asked_in'));
      expect(rowsOf('sent again, not needed')).toEqual(await seen('classroom.data.duplicate'));
      const asked = await packets(capture, 'classroom.missing', [
        'classroom.missing',
        'frame.number',
      ]);
      expect(rowsOf('asked for again')).toEqual(
        asked.flatMap((row) =>
          (row['classroom.missing'] ?? '').split(',').map((seq) => [seq, row['frame.number']]),
        ),
      );
      // Part 7 twice, the second time after it was asked for.
      expect(rowsOf('lost').map(([seq]) => seq)).toEqual(['0', '7', '7', '23']);
      expect(opened.complaints).toEqual([]);
    });

    test.each([
      ['client', 1200, 'light'],
      ['classroom-fast-loss', 640, 'dark'],
    ] as const)(
      'has in %s no word on another, nor out of sight, at %i pixels in the %s',
      async (name, width, colorScheme) => {
        const file = join(folder.path, `${name}.html`);
        if (name !== 'client') {
          const drawn = await run(WIRELAB, ['chart', captureOf(name), '--out', file]);
          expect(drawn.status).toBe(0);
        }
        await using opened = await OpenPage.open(file, { width, colorScheme });
        for (const chart of ['sequence', 'ladder']) {
          const found = await opened.page.evaluate(`(${OVERLAPS})(charts.${chart})`);
          expect(found).toMatchObject({ problems: [] });
          expect((found as { count: number }).count).toBeGreaterThan(10);
        }
        const wide = await opened.page.evaluate(
          'document.documentElement.scrollWidth > innerWidth',
        );
        expect(wide).toBe(false);
        expect(opened.complaints).toEqual([]);
      },
    );

    test('tells the frame of what the mouse points at', async () => {
      await using opened = await open({ width: 1200 });
      const place = (await opened.page.evaluate(`(() => {
        const { series } = charts.sequence.getOption();
        const seriesIndex = series.findIndex(({ name }) => name === 'asked for again');
        const [time, part] = series[seriesIndex].data[0];
        const [x, y] = charts.sequence.convertToPixel({ seriesIndex }, [time, part]);
        const box = document.getElementById('sequence').getBoundingClientRect();
        return { x: x + box.x, y: y + box.y, frame: series[seriesIndex].data[0][2] };
      })()`)) as { x: number; y: number; frame: number };
      await opened.page.mouse.move(place.x, place.y);
      await opened.page.waitForFunction(
        `document.getElementById('sequence').innerText.includes('asked for again')`,
      );
      const told = await opened.page.innerText('#sequence');
      expect(told.split(/\s+/).join(' ')).toMatch(new RegExp(`frame ${place.frame} .*part 0$`));
    });

    test('shows the same numbers as the terminal', async () => {
      await using opened = await open({ width: 1200 });
      const rows = await opened.page.$$eval('dl div', (list) =>
        list.map((row) => [...row.children].map(({ textContent }) => textContent).join(': ')),
      );
      expect(rows.length).toBeGreaterThan(10);
      expect(printed.split('\n').map((line) => line.trim())).toEqual(expect.arrayContaining(rows));
      expect(await opened.page.title()).toBe('1: story.txt, to ann');
    });

    test('is light on paper, and dark where it is wished', async () => {
      await using opened = await open({ width: 1200, colorScheme: 'dark' });
      const isDark = (): Promise<boolean> =>
        opened.page.evaluate(`document.documentElement.classList.contains('dark') &&
          charts.sequence.getOption().backgroundColor !== '#ffffff'`);
      expect(await isDark()).toBe(true);
      await opened.page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
      expect(await isDark()).toBe(false);
      await opened.page.evaluate(`dispatchEvent(new Event('afterprint'))`);
      expect(await isDark()).toBe(true);
      await opened.page.click('button');
      expect(await isDark()).toBe(false);
    });

    test('scrolls a long ladder, and draws only what is seen', async () => {
      const { folder: other, file } = await longLadder(300);
      await using _ = other;
      const html = join(other.path, 'long.html');
      expect((await run(WIRELAB, ['chart', file, '--out', html])).status).toBe(0);
      await using opened = await OpenPage.open(html, { width: 1000 });
      const labels = (): Promise<string[]> =>
        opened.page.evaluate(
          `charts.ladder.getOption().series.flatMap(({ data }) => data.map(({ name }) => name))`,
        );
      expect(await labels()).toContain('download|<b>f');
      await opened.page.$eval('#scroll', (place) => place.scrollTo(0, place.scrollHeight));
      await opened.page.waitForFunction(
        `charts.ladder.getOption().series.some(({ data }) => data.some(({ name }) => name === 'stop'))`,
      );
      const last = await labels();
      expect(last).not.toContain('download|<b>f');
      expect(last.length).toBeLessThan(120);
      const found = await opened.page.evaluate(`(${OVERLAPS})(charts.ladder)`);
      expect(found).toMatchObject({ problems: [] });
    });

    test('a name from a peer stays a name', async () => {
      const name = '</script><img src=x onerror="window.hit=1">';
      const { folder: other, file } = await longLadder(4, name);
      await using _ = other;
      const html = join(other.path, 'hostile.html');
      expect((await run(WIRELAB, ['chart', file, '--out', html])).status).toBe(0);
      await using opened = await OpenPage.open(html, { width: 1000 });
      expect(await opened.page.title()).toContain(name);
      expect(await opened.page.evaluate('window.hit')).toBeUndefined();
      expect(opened.complaints).toEqual([]);
    });
  });

  test('says what is wrong with what it is given', async () => {
    const none = join(folder.path, 'client.html');
    const { folder: other, file } = await record(({ udp }) => udp(5000, Buffer.from('x')));
    await using _ = other;
    const said = async (...args: readonly string[]): Promise<string> => {
      const { status, stderr } = await run(WIRELAB, ['chart', ...args]);
      return `${status} ${stderr.trim()}`;
    };
    expect(await said(none)).toMatch(/^1 error: .*client\.html: it is no capture/);
    expect(await said(join(folder.path, 'absent'))).toMatch(/^1 error: .*absent.* ENOENT/);
    expect(await said(file)).toMatch(/^1 error: .* shows no download of the classroom protocol$/);
    expect(await said(capture, '--download', '2', '--out', page)).toMatch(
      /^1 error: .* has 1 downloads?, and no number 2$/,
    );
    // Nor does it write over what it has not made.
    const before = readFileSync(file);
    expect(await said(capture, '--out', file)).toMatch(
      /^1 error: .* there is something else of that name$/,
    );
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(await said(capture, '--out', join(folder.path, 'no/such/place.html'))).toMatch(
      /^1 error: .*place\.html cannot be written: ENOENT/,
    );
  });
});

/** A download of so many parts in which every third one is lost, and asked for alone. */
function longLadder(count: number, name = '<b>f'): ReturnType<typeof record> {
  return record(({ tcp, came }) => {
    const connection = tcp(55_000);
    const say = (text: string): void => connection.data('out', Buffer.from(`${text}\n`));
    for (const text of ['connect|ann', `download|${name}`]) say(text);
    connection.data('in', Buffer.from(`connected\n|${count}\n`));
    say('40555');
    const part = (seq: number): void => {
      const bytes = Buffer.alloc(2048, ':');
      bytes.writeUInt32BE(seq);
      came(45_000, 40_555, bytes);
    };
    for (let seq = 0; seq < count; seq += 1) {
      if (seq % 3 === 1) say(String(seq));
      part(seq);
      if (seq === Math.floor(count / 2)) say('proceed');
    }
    say('stop');
  });
}
