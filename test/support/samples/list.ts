import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../app/programs.ts';
import { CLASSROOM } from './classroom.ts';
import { CLASSROOM_FAULTY } from './classroom-faulty.ts';
import { ISEND } from './isend.ts';
import { LAN } from './lan.ts';
import { LAN_FAULTY } from './lan-faulty.ts';
import type { Recipe, Sample } from './play.ts';
import { RELAY } from './relay.ts';

export const CAPTURES = join(REPOSITORY, 'wireshark/captures');

export const RECIPES: readonly Recipe[] = [
  ...[...CLASSROOM, CLASSROOM_FAULTY],
  ...[...RELAY, ...ISEND, ...LAN, ...LAN_FAULTY],
];

export const SAMPLES: readonly Sample[] = RECIPES.flatMap(({ samples }) => samples);

export function captureOf(name: string): string {
  return join(CAPTURES, `${name}.pcapng`);
}

/** What `tshark` says of it. */
export function textOf(name: string): string {
  return join(CAPTURES, `${name}.txt`);
}

/** Several in one capture, one after the other: to start `tshark` but once. */
export async function mergeSamples(file: string, samples: readonly Sample[]): Promise<void> {
  const captures = samples.map(({ name }) => captureOf(name));
  await promisify(execFile)('mergecap', ['-a', '-w', file, ...captures]);
}
