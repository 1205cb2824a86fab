import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { REPOSITORY } from '../app/programs.ts';
import { WITH_DISSECTORS } from '../support/dissectors.ts';
import { CAPTURES, captureOf, mergeSamples, SAMPLES, textOf } from '../support/samples/list.ts';
import { listing } from '../support/samples/listing.ts';
import { hasTshark, tshark } from '../support/tshark.ts';

const MOST_BYTES = 1_500_000;
const OURS = ['classroom', 'isend', 'lanshare', 'relay', 'sent'];
/** What only a peer that gets it wrong brings about, and the samples that are there to show it. */
const FAULTS: Readonly<Record<string, readonly string[]>> = {
  '_ws.malformed': ['classroom-faulty'],
  'classroom.data.early': ['classroom-faulty'],
  'classroom.data.range': ['classroom-faulty'],
  'classroom.data.unasked': ['classroom-faulty', 'classroom-loss'],
  'classroom.incomplete': ['classroom-faulty'],
  'classroom.unknown': ['classroom-chat'],
  'isend.bad_flag': ['isend-faulty'],
  'isend.bad_length': ['isend-faulty'],
  'isend.unasked': ['isend-unasked'],
  'isend.unknown': ['isend-faulty'],
  'lanshare.failed': ['lanshare-faulty'],
  'lanshare.unknown': ['lanshare-faulty'],
  'relay.unknown': ['relay'],
  'sent.failed': ['sent-faulty'],
  'sent.other_address': ['sent-faulty'],
  'sent.unknown': ['sent-faulty'],
};
/** Addresses of this machine only, and those for documentation. */
const ADDRESS = /^(?:127\.\d+\.\d+\.\d+|192\.0\.2\.\d+|::1)$/;

test('each sample has a capture and a text, and there is nothing else; together they are small', async () => {
  const names = SAMPLES.flatMap(({ name }) => [`${name}.pcapng`, `${name}.txt`]);
  const files = await readdir(CAPTURES);
  expect(files.sort()).toEqual(names.sort());
  const sizes = await Promise.all(files.map((file) => stat(join(CAPTURES, file))));
  expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(MOST_BYTES);
});

test.each(SAMPLES)('$name says nothing of the machine that it was made on', async ({ name }) => {
  const bytes = await readFile(captureOf(name));
  const [header] = optionsOf(bytes);
  expect(header?.code).toBe(4);
  expect(header?.text).toMatch(/^wirelab [a-z]+$/);
  expect(optionsOf(bytes)).toHaveLength(1);
  const text = bytes.toString('latin1');
  for (const word of [hostname(), homedir(), tmpdir(), REPOSITORY]) {
    // A short one may stand there by chance.
    if (word.length > 3) expect(text).not.toContain(word);
  }
  expect(text).not.toMatch(/\/(?:tmp|home|root|Users)\b|[A-Z]:\\/);
});

/** The options of the first block of a pcapng file: who has written it, and where. */
function optionsOf(bytes: Buffer): { readonly code: number; readonly text: string }[] {
  const options = [];
  for (let at = 24; bytes.readUInt16LE(at) !== 0; ) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    options.push({ code, text: bytes.toString('utf8', at + 4, at + 4 + length) });
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}

describe.skipIf(!hasTshark)('what tshark says of the samples', () => {
  test.concurrent.each(SAMPLES)('$name: is what stands beside it', async (sample) => {
    const text = await readFile(textOf(sample.name), 'utf8');
    expect(await listing(captureOf(sample.name), sample)).toBe(text);
    expect(text).not.toMatch(/Lua Error/i);
  });

  /** The fields of each sample. */
  const seen = new Map<string, Set<string>>();

  // In one capture both sides of a download would be taken for one.
  const server = SAMPLES.filter(({ name }) => name.endsWith('-server'));
  const others = SAMPLES.filter((sample) => !server.includes(sample));

  test.each([{ samples: server }, { samples: others }])(
    'all details can be shown',
    async ({ samples }) => {
      await using folder = await TemporaryFolder.create();
      const file = join(folder.path, 'merged.pcapng');
      await mergeSamples(file, samples);
      const args = ['-2', '-Y', 'frame', '-r', file, '-T', 'pdml'];
      const details = await tshark(...WITH_DISSECTORS, ...args);
      expect(details).not.toMatch(/Lua Error/i);
      const packets = details.split('<packet>').slice(1);
      for (const { name } of samples) {
        const rows = (await readFile(textOf(name), 'utf8')).match(/^ *\d+ +\d+\.\d{6} /gm);
        const its = packets.splice(0, rows?.length).join('');
        const fields = [...its.matchAll(/ name="([^"]*)"/g)].map(([, field = '']) => field);
        seen.set(name, new Set(fields));
      }
      expect(packets).toEqual([]);
      const addresses = details.matchAll(/ name="ip(?:v6)?\.addr"[^>]* show="([^"]*)"/g);
      for (const [, address = ''] of addresses) expect(address).toMatch(ADDRESS);
    },
  );

  test('faults are where they are meant to be, and nowhere else', () => {
    for (const [field, samples] of Object.entries(FAULTS)) {
      const found = [...seen].filter(([, fields]) => fields.has(field)).map(([name]) => name);
      expect({ field, found: found.sort() }).toEqual({ field, found: samples });
    }
  });

  test('every field of the dissectors is in one of them', async () => {
    const all = (await tshark('-G', 'fields', ...WITH_DISSECTORS))
      .split('\n')
      .map((line) => line.split('\t')[2] ?? '')
      .filter((field) => OURS.includes(field.split('.')[0] ?? '') && field.includes('.'));
    expect(all.length).toBeGreaterThan(100);
    const shown = new Set([...seen.values()].flatMap((fields) => [...fields]));
    expect(all.filter((field) => !shown.has(field))).toEqual([]);
  });
});
