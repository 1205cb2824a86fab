import type { Packet } from '../capture/decode.ts';
import { formatRuns } from '../core/text.ts';
import { Bitmap } from '../udp-reliable/bitmap.ts';
import type { CapturedFile, FileEvent, FileReader } from './captured-files.ts';
import { type ClassroomEvent, ClassroomReader, type Download } from './classroom-reader.ts';

/** Numbers of missing parts that are told. */
const MAX_TOLD = 20;

interface Gathered {
  readonly file: CapturedFile;
  readonly download: Download;
  /** Made with the first part: what a capture says of their number need not be true. */
  seen: Bitmap | undefined;
  count: number;
  sha256: string | undefined;
  /** What the server has said, so that it does not count. */
  failure: string | undefined;
}

/** Files that the classroom protocol has carried: each part goes to its place, however often it came. */
export class ClassroomFiles implements FileReader {
  readonly #reader = new ClassroomReader();
  readonly #gathered = new Map<Download, Gathered>();

  *push(packet: Packet): Generator<FileEvent> {
    for (const event of this.#reader.push(packet)) yield* this.#on(event);
  }

  *end(): Generator<FileEvent> {
    for (const event of this.#reader.end()) yield* this.#on(event);
    for (const gathered of this.#gathered.values()) yield done(gathered);
    this.#gathered.clear();
  }

  *#on(event: ClassroomEvent): Generator<FileEvent> {
    const { download } = event;
    if (download === undefined) return;
    if (event.type === 'said' && event.message.type === 'segment-count') {
      yield* this.#finishOthers(download);
      this.#gathered.set(download, begin(download));
      return;
    }
    const gathered = this.#gathered.get(download);
    if (gathered === undefined) return;
    if (event.type === 'said' && event.message.type === 'digest') {
      gathered.sha256 = event.message.sha256;
    }
    if (event.type === 'said' && event.message.type === 'download-ended') {
      gathered.failure = event.text;
    }
    if (event.type === 'part') yield* take(gathered, event.seq, event.bytes, event.isCut);
    if (event.type === 'left') {
      this.#gathered.delete(download);
      yield done(gathered);
    }
  }

  /** A client has one download at a time. */
  *#finishOthers({ stream }: Download): Generator<FileEvent> {
    for (const [download, gathered] of this.#gathered) {
      if (download.stream !== stream) continue;
      this.#gathered.delete(download);
      yield done(gathered);
    }
  }
}

function begin(download: Download): Gathered {
  const { file: name, stream, fast } = download;
  return {
    file: { protocol: 'classroom', name, from: stream.server, to: stream.client },
    ...{ download, seen: undefined, count: 0, sha256: fast?.sha256, failure: undefined },
  };
}

function* take(
  gathered: Gathered,
  seq: number,
  bytes: Buffer,
  isCut: boolean,
): Generator<FileEvent> {
  const { file, download } = gathered;
  gathered.seen ??= new Bitmap(download.segmentCount);
  const { seen } = gathered;
  if (isCut || seen.has(seq) || !fits(download, seq, bytes.length)) return;
  seen.add(seq);
  gathered.count += 1;
  yield { type: 'bytes', file, position: seq * download.payload, bytes };
}

/** Only the server knows how long the last part is; in the fast profile it has said so. */
function fits({ payload, segmentCount, fast }: Download, seq: number, length: number): boolean {
  if (seq < segmentCount - 1) return length === payload;
  return fast === undefined ? length <= payload : length === fast.size - seq * payload;
}

function done({ file, download, seen, count, sha256, failure }: Gathered): FileEvent {
  const { segmentCount } = download;
  const lost = segmentCount - count;
  const numbers = seen?.missing(segmentCount, MAX_TOLD) ?? [];
  const more = lost > numbers.length ? ', …' : '';
  const told = numbers.length === 0 ? '' : ` (${formatRuns(numbers)}${more})`;
  return {
    type: 'done',
    file,
    failure,
    missing: lost === 0 ? undefined : `${lost} of ${segmentCount} parts${told}`,
    digest: sha256 === undefined ? undefined : { algorithm: 'sha256', hex: sha256 },
  };
}
