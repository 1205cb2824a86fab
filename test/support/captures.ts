/**
 * Makes the sample captures anew, or those that are named: `npm run captures -- relay isend`. It needs
 * tshark, the usual ports of the protocols, and all of 127.0.0.0/8, which only Linux has.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { CAPTURES, captureOf, RECIPES, textOf } from './samples/list.ts';
import { listing } from './samples/listing.ts';

const wanted = process.argv.slice(2);
await mkdir(CAPTURES, { recursive: true });
for (const { samples, make } of RECIPES) {
  if (wanted.length > 0 && !samples.some(({ name }) => wanted.includes(name))) continue;
  await make(captureOf);
  for (const sample of samples) {
    await writeFile(textOf(sample.name), await listing(captureOf(sample.name), sample));
    process.stdout.write(`${sample.name}\n`);
  }
}
