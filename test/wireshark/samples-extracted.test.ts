import { expect, test } from 'vitest';
import { tracesOf } from '../../lib/app/capture-traces.ts';
import { filesIn } from '../support/extracted.ts';
import { captureOf, SAMPLES } from '../support/samples/list.ts';

/** Files that a sample shows, and how many of them are whole; where there are others than one whole one. */
const OTHERS: Readonly<Record<string, readonly [files: number, whole: number]>> = {
  ...{ 'classroom-chat': [0, 0], 'isend-code': [0, 0], 'isend-faulty': [0, 0] },
  ...{ 'isend-unasked': [0, 0], 'classroom-faulty': [1, 0] },
  // Three of a folder, which the receiver then has already.
  isend: [6, 3],
  ...{ 'lanshare-faulty': [1, 0], 'sent-faulty': [1, 0] },
  // One who wants it, and one who does not.
  ...{ lanshare: [2, 1], sent: [2, 1] },
  // In, and out to who wants it.
  ...{ 'relay-ipv6': [2, 2], relay: [4, 3] },
};

test.each(SAMPLES)('the files of $name come out', ({ name }) => {
  const files = filesIn(captureOf(name));
  const whole = files.filter(
    ({ missing, failure }) => missing === undefined && failure === undefined,
  );
  expect([files.length, whole.length]).toEqual(OTHERS[name] ?? [1, 1]);
  for (const { name: file, text } of whole) {
    if (file === 'story.txt') expect(text).toMatch(/^This is part 0/);
  }
});

test('the losses of the samples are where they were made', () => {
  const lostIn = (name: string): string[] =>
    tracesOf(captureOf(name)).flatMap(({ sendings }) =>
      sendings.filter(({ lost }) => lost).map(({ seq, nth }) => `${seq}.${nth}`),
    );
  expect(lostIn('classroom-clean')).toEqual([]);
  expect(lostIn('classroom-loss').sort()).toEqual(['0.1', '23.1', '7.1', '7.2']);
  expect(lostIn('classroom-loss-server').sort()).toEqual(lostIn('classroom-loss').sort());
  expect(lostIn('classroom-fast-loss').sort()).toEqual(lostIn('classroom-fast-loss-server').sort());
});
