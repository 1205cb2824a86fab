import { readFile, writeFile } from 'node:fs/promises';
import { packetsOf } from '../../lib/app/capture-packets.ts';
import { extractFiles } from '../../lib/app/extraction.ts';
import { filesOf } from '../../lib/lab/all-files.ts';
import type { CapturedFile, Digest } from '../../lib/lab/captured-files.ts';
import { TemporaryFolder } from '../app/folders.ts';

/** Larger than what any test sends. */
const MAX_BYTES = 1_000_000;
const PACKET = 6;
const BLOCK_HEADER = 8;

/** A file as the readers have found it. */
export interface Found extends Pick<CapturedFile, 'protocol' | 'name' | 'folders'> {
  /** What came, at its place; zeros where nothing did. */
  readonly text: string;
  readonly missing: string | undefined;
  readonly failure: string | undefined;
  readonly digest: Digest | undefined;
}

/** What the readers find in a capture. */
export function filesIn(capture: string): Found[] {
  const contents = new Map<CapturedFile, Buffer>();
  const found: Found[] = [];
  for (const event of filesOf(packetsOf(capture))) {
    const { file } = event;
    const content = contents.get(file) ?? Buffer.alloc(0);
    if (event.type === 'bytes') {
      const end = event.position + event.bytes.length;
      // A spoilt position.
      if (end > MAX_BYTES) continue;
      const whole = Buffer.alloc(Math.max(content.length, end));
      content.copy(whole);
      event.bytes.copy(whole, event.position);
      contents.set(file, whole);
      continue;
    }
    const { missing, failure, digest } = event;
    const { protocol, name, folders } = file;
    found.push({
      protocol,
      name,
      folders,
      text: content.toString('latin1'),
      missing,
      failure,
      digest,
    });
  }
  return found;
}

/** What `wirelab extract` writes. `folder` is where the files are; it has to be removed. */
export async function extract(capture: string) {
  const folder = await TemporaryFolder.create();
  const lines: string[] = [];
  const areWhole = await extractFiles(capture, folder.path, (line) => void lines.push(line));
  return {
    ...{ folder, areWhole, told: lines.join('\n') },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** The blocks of a pcapng file, each with the number of its packet if it is one. */
function* blocksOf(file: Buffer): Generator<{ block: Buffer; packet: number | undefined }> {
  let packets = 0;
  for (let at = 0; at < file.length; ) {
    const block = file.subarray(at, at + file.readUInt32LE(at + 4));
    at += block.length;
    const isPacket = block.readUInt32LE(0) === PACKET;
    packets += isPacket ? 1 : 0;
    yield { block, packet: isPacket ? packets : undefined };
  }
}

/** The packets of a capture, as they stand in it behind what tells of them; they can be changed. */
export function packetsIn(file: Buffer): Buffer[] {
  return [...blocksOf(file)].flatMap(({ block, packet }) => {
    const start = BLOCK_HEADER + 20;
    return packet === undefined
      ? []
      : [block.subarray(start, start + block.readUInt32LE(BLOCK_HEADER + 12))];
  });
}

/** A copy of a capture with some of its packets. @param keep is given all of them */
export async function cut(
  capture: string,
  keep: (packets: readonly Buffer[]) => readonly Buffer[],
): Promise<string> {
  const file = await readFile(capture);
  const packets = packetsIn(file);
  const kept = new Set(keep(packets));
  const blocks = [...blocksOf(file)].filter(({ packet }) => {
    const bytes = packet === undefined ? undefined : packets[packet - 1];
    return bytes === undefined || kept.has(bytes);
  });
  const path = `${capture}.cut`;
  await writeFile(path, Buffer.concat(blocks.map(({ block }) => block)));
  return path;
}

/** A copy of a capture in which a byte of what was sent is another one: the first of `bytes`. */
export async function spoil(capture: string, bytes: Buffer): Promise<string> {
  const file = await readFile(capture);
  const at = file.indexOf(bytes);
  if (at === -1) throw new Error('the capture does not have these bytes');
  file[at] = (file[at] ?? 0) ^ 1;
  const path = `${capture}.spoilt`;
  await writeFile(path, file);
  return path;
}
