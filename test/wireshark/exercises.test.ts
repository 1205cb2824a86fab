import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from '../app/programs.ts';
import { packets } from '../support/dissectors.ts';
import { captureOf, SAMPLES } from '../support/samples/list.ts';
import { hasTshark } from '../support/tshark.ts';

const EXERCISES = await readExercises();
const NUMBER = /(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)/g;

interface Exercise {
  readonly title: string;
  readonly captures: readonly string[];
  readonly hint: string;
  /** The words of the answer. */
  readonly answer: string;
  readonly commands: readonly { readonly command: string; readonly output: string }[];
}

async function readExercises(): Promise<Exercise[]> {
  const text = await readFile(join(REPOSITORY, 'wireshark/exercises.md'), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [question = '', answer = ''] = section.split(/<summary>Answer<\/summary>/);
      const blocks = [...answer.matchAll(/```sh\n(.*)\n```\n\n```text\n((?:.*\n)*?)```/g)];
      return {
        title: question.slice(0, question.indexOf('\n')),
        captures: [...question.matchAll(/\]\(captures\/([\w-]+)\.txt\)/g)].map(
          ([, name = '']) => name,
        ),
        hint: /^Hint: ((?:.+\n)+)/m.exec(question)?.[1]?.replaceAll('\n', ' ') ?? '',
        answer: (answer.split('```')[0] ?? '').replaceAll('\n', ' '),
        commands: blocks.map(([, command = '', output = '']) => ({ command, output })),
      };
    });
}

/** What is in bold type; the rest of an answer may also say what follows from it. */
function inBold(text: string): string[] {
  return [...text.matchAll(/\*\*([^*]+)\*\*/g)].map(([, words = '']) => words);
}

/** Whether the figure stands there, perhaps with more digits, or in seconds instead of milliseconds. */
function stands(figure: string, output: string): boolean {
  const digits = figure.split('.')[1]?.length ?? 0;
  return (output.match(NUMBER) ?? []).some((one) =>
    [Number(one), Number(one) * 1000].some((value) => value.toFixed(digits) === figure),
  );
}

async function buttonLabels(): Promise<string[]> {
  const file = join(REPOSITORY, 'wireshark/profile/wirelab/dfilter_buttons');
  const lines = (await readFile(file, 'utf8')).matchAll(/^"TRUE","([^"]+)"/gm);
  return [...lines].map(([, label = '']) => label.replace('//', ' → '));
}

test('there are exercises on all protocols, numbered, each with a capture, a hint and an answer', () => {
  expect(EXERCISES.map(({ title }) => title.split('.')[0])).toEqual(
    EXERCISES.map((_, index) => String(index + 1)),
  );
  expect(EXERCISES.length).toBeGreaterThanOrEqual(10);
  const names = SAMPLES.map(({ name }) => name);
  for (const { title, captures, hint, answer, commands } of EXERCISES) {
    expect(captures.length, title).toBeGreaterThan(0);
    for (const capture of captures) {
      expect(names).toContain(capture);
      const isUsed = commands.some(({ command }) => command.includes(`captures/${capture}.`));
      const isListed = commands.some(({ command }) => command.startsWith('for '));
      expect(isUsed || isListed, title).toBe(true);
    }
    expect(hint, title).not.toBe('');
    expect(inBold(answer), title).not.toEqual([]);
    expect(commands, title).not.toEqual([]);
  }
  const used = EXERCISES.flatMap(({ captures }) => captures);
  for (const protocol of ['classroom-', 'relay', 'isend', 'sent', 'lanshare']) {
    expect(used.some((name) => name.startsWith(protocol))).toBe(true);
  }
});

test('the buttons of the hints are in the profile', async () => {
  const labels = await buttonLabels();
  const named = EXERCISES.flatMap(({ hint }) => [
    ...hint.matchAll(/\*((?:classroom|relay|isend|sent|lanshare) → [^*]+)\*/g),
    ...hint.matchAll(/[Bb]uttons? \*([^*→]+)\*/g),
  ]).map(([, label = '']) => label);
  expect(named.length).toBeGreaterThan(EXERCISES.length);
  expect(named.filter((label) => !labels.includes(label))).toEqual([]);
});

describe.skipIf(!hasTshark || process.platform === 'win32')('exercise', () => {
  test.concurrent.each(EXERCISES)(
    '$title: the commands print what stands there',
    async (exercise) => {
      for (const { command, output } of exercise.commands) {
        const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: REPOSITORY });
        expect(stdout).toBe(output);
      }
    },
  );

  test.each(EXERCISES)('$title: the answer agrees with that', ({ answer, commands }) => {
    const output = commands.map((one) => one.output).join('');
    for (const words of inBold(answer)) {
      const isFigure = /^\d+(?:\.\d+)?$/.test(words);
      const found = isFigure ? stands(words, output) : output.includes(words);
      expect({ words, found }).toEqual({ words, found: true });
    }
  });

  test.concurrent.each(EXERCISES)(
    '$title: the filters of the hint find something',
    async ({ hint, captures: [capture = ''] }) => {
      for (const [, filter = ''] of hint.matchAll(/`([^`]+)`/g)) {
        const found = await packets(captureOf(capture), filter, ['frame.number']);
        expect({ filter, found: found.length > 0 }).toEqual({ filter, found: true });
      }
    },
  );
});
