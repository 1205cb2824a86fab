import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { REPOSITORY } from '../app/programs.ts';
import { WITH_DISSECTORS } from '../support/dissectors.ts';
import { captureOf, mergeSamples, SAMPLES } from '../support/samples/list.ts';
import { hasTshark } from '../support/tshark.ts';

const PROFILE = join(REPOSITORY, 'wireshark/profile/wirelab');
/** Of text and background, as WCAG 2 asks for at its highest level. */
const LEAST_CONTRAST = 7;
/** Between any two backgrounds, in CIE L*: what is left of them in grey, or without red and green. */
const LEAST_DIFFERENCE = 2;

interface Rule {
  readonly name: string;
  readonly filter: string;
  readonly background: readonly number[];
  readonly text: readonly number[];
}

async function linesOf(name: string): Promise<string[]> {
  const text = await readFile(join(PROFILE, name), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

async function colourRules(): Promise<Rule[]> {
  return (await linesOf('colorfilters')).map((line) => {
    const found = /^@([^@]+)@([^@]+)@\[(\d+,\d+,\d+)\]\[(\d+,\d+,\d+)\]$/.exec(line);
    const [, name = '', filter = '', background = '', text = ''] = found ?? [];
    const colour = (words: string): number[] =>
      words.split(',').map((word) => Number(word) / 65535);
    return { name, filter, background: colour(background), text: colour(text) };
  });
}

async function buttons(): Promise<{ readonly label: string; readonly filter: string }[]> {
  return (await linesOf('dfilter_buttons')).map((line) => {
    const [, label = '', filter = ''] = /^"TRUE","([^"]+)","([^"]+)","[^"]+"$/.exec(line) ?? [];
    return { label, filter };
  });
}

/** The share of the light that it gives back (WCAG 2, "relative luminance"). */
function luminance(colour: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = colour.map((share) =>
    share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('texts can be read on their colours, and colours told apart in grey', async () => {
  const rules = await colourRules();
  for (const { name, background, text } of rules) {
    const contrast = (luminance(background) + 0.05) / (luminance(text) + 0.05);
    expect(contrast, name).toBeGreaterThanOrEqual(LEAST_CONTRAST);
  }
  const light = rules
    .map(({ background }) => 116 * Math.cbrt(luminance(background)) - 16)
    .sort((a, b) => a - b);
  for (const [index, one] of light.slice(1).entries()) {
    expect(one - (light[index] ?? 0)).toBeGreaterThan(LEAST_DIFFERENCE);
  }
});

describe.skipIf(!hasTshark)('the profile', () => {
  let folder: TemporaryFolder;
  let all: string;

  beforeAll(async () => {
    folder = await TemporaryFolder.create();
    await cp(PROFILE, join(folder.path, 'wireshark/profiles/wirelab'), { recursive: true });
    all = join(folder.path, 'all.pcapng');
    await mergeSamples(all, SAMPLES);
    return () => folder[Symbol.asyncDispose]();
  });

  /** As somebody does who has it, and nothing else. */
  async function withProfile(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)(
      'tshark',
      ['-C', 'wirelab', ...WITH_DISSECTORS, ...args],
      {
        env: { ...process.env, HOME: folder.path, XDG_CONFIG_HOME: folder.path },
        maxBuffer: 2 ** 26,
      },
    );
    // It complains of files of the profile that it cannot read, and goes on.
    expect(stderr).not.toMatch(/colorfilters|Display expressions|preference|column|lua/i);
    return stdout;
  }

  test('has columns for parts and re-requests', async () => {
    const args = ['-2', '-Y', 'frame', '-r', captureOf('classroom-loss'), '-T', 'tabs'];
    const text = await withProfile(...args);
    const rows = text.split('\n').map((line) => line.split('\t').map((cell) => cell.trim()));
    const fitting = (info: RegExp): string[][] =>
      rows
        .filter((cells) => cells.some((cell) => info.test(cell)))
        .map(([number = '', time = '', since = '', ...cells]) => {
          expect(Number(time)).toBeGreaterThanOrEqual(Number(since));
          return [number, ...cells];
        });
    const ends = ['127.0.0.1', '→', '127.0.0.1', 'classroom'];
    expect(fitting(/^part 5 of/)).toEqual([
      ['13', ...ends, '2076', '5', '1', '', '', 'part 5 of 24 of story.txt', ''],
      [
        ...['14', ...ends, '2076', '5', '2', '', ''],
        ...['part 5 of 24 of story.txt, once more', 'a duplicate, ignored'],
      ],
    ]);
    const asked = 're-request 1 for 2 parts';
    expect(fitting(/^ann: re-request 1/)).toEqual([
      ['21', ...ends, '44', '', '', '0,7', '', `ann: ${asked}`, asked],
    ]);
    expect(fitting(/^part 0 of/)).toEqual([
      ['22', ...ends, '2076', '0', '1', '', '21', 'part 0 of 24 of story.txt, again', ''],
    ]);
  });

  test('colours every packet of the samples, and has no colour for nothing', async () => {
    const field = ['-T', 'fields', '-e', 'frame.coloring_rule.name'];
    const used = (await withProfile('--color', '-r', all, ...field)).split('\n').slice(0, -1);
    const names = (await colourRules()).map(({ name }) => name);
    expect([...new Set(used)].sort()).toEqual(names.sort());
  });

  test('has no button for nothing', async () => {
    const known = await buttons();
    const filters = known.map(({ filter }) => filter);
    // A comma would part two filters.
    for (const filter of filters) expect(filter).toMatch(/^[^,]+$/);
    const table = await withProfile('-q', '-r', all, '-z', ['io,stat,0', ...filters].join());
    const cells = / <> [^|]*\|(.*)\|$/m.exec(table)?.[1]?.split('|') ?? [];
    const packets = cells.filter((_, index) => index % 2 === 0).map(Number);
    expect(packets).toHaveLength(known.length);
    expect(known.filter((_, index) => (packets[index] ?? 0) === 0)).toEqual([]);
  });
});
