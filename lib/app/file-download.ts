import type { Leftover } from '../commands/client-download.ts';
import type { DownloadOutcome } from '../commands/client-effects.ts';
import { systemCode } from '../core/errors.ts';
import { formatBytes, visible } from '../core/text.ts';
import type { SegmentSink } from '../net/segment-sink.ts';
import { PartialFile } from '../storage/partial-file.ts';
import type { BarPlace, Progress } from '../terminal/progress.ts';
import type { Receiver } from '../udp-reliable/receiver.ts';

export interface FileDownloadOptions {
  readonly folder: string;
  readonly file: string;
  readonly receiver: Receiver;
  /** Where the bar goes; no bar when absent. */
  readonly barPlace: BarPlace | undefined;
  readonly onError: (outcome: DownloadOutcome) => void;
}

/** The document's question at the pause. */
export const PAUSE_QUESTION =
  "download reached 50%. To continue write 'proceed'. To stop, write anything else:";

/** What is there is noted this often, so that a process which is killed loses no more. */
const NOTE_EVERY_MS = 1000;

/** The bar hears of it whenever about so many bytes have come. */
const BYTES_PER_UPDATE = 65_536;

/** A file on its way: what comes goes to the disk, and the bar shows how far it is. */
export class FileDownload implements SegmentSink {
  readonly partial: PartialFile;
  readonly #receiver: Receiver;
  readonly #perUpdate: number;
  readonly #progress: Progress | undefined;
  #bytes = 0;
  /** Set while something has come that is not noted yet. */
  #noteTimer: NodeJS.Timeout | undefined;

  private constructor(partial: PartialFile, receiver: Receiver, progress: Progress | undefined) {
    this.partial = partial;
    this.#receiver = receiver;
    this.#perUpdate = Math.max(1, Math.floor(BYTES_PER_UPDATE / receiver.payload));
    this.#progress = progress;
  }

  static async open(options: FileDownloadOptions): Promise<FileDownload> {
    const partial = await PartialFile.create({
      folder: options.folder,
      name: options.file,
      segmentPayload: options.receiver.payload,
      size: options.receiver.fast?.size,
      goOnWith: options.receiver.counts.kept > 0 ? options.receiver.fast?.id : undefined,
      onError: (error) => options.onError({ type: 'failed', reason: describeDiskError(error) }),
    });
    return new FileDownload(partial, options.receiver, await startProgress(options));
  }

  write(seq: number, datagram: Buffer, start: number): boolean {
    const { received } = this.#receiver.counts;
    if (received % this.#perUpdate === 0) this.#update(received);
    const taken = this.partial.write(seq, datagram, start);
    if (taken) {
      this.#bytes += datagram.length - start;
      this.#noteSoon();
    }
    return taken;
  }

  get room(): number {
    return this.partial.room;
  }

  sha256(): Promise<string> {
    return this.partial.sha256();
  }

  /** The user is asked something and may take long: shows how far it is, and notes it. */
  pause(): void {
    this.#progress?.update(this.#receiver.counts.received, true);
    this.#noteNow();
  }

  /** No more will come. */
  endProgress(): void {
    this.#progress?.stop();
  }

  /** What came, in words. */
  describe(): string {
    const { received, reRequests, kept } = this.#receiver.counts;
    const asked =
      reRequests === 0 ? '' : `, asked again ${reRequests} ${reRequests === 1 ? 'time' : 'times'}`;
    const before = kept === 0 ? '' : `, ${kept} of them from an earlier attempt`;
    return `${received} of ${this.#receiver.segmentCount} parts${before}, ${formatBytes(this.#bytes)}${asked}`;
  }

  /** Ends the attempt; says where what came is. */
  async keep(): Promise<string> {
    if (this.#receiver.counts.received === 0) {
      await this.discard();
      return 'Nothing was kept: no part had come.';
    }
    this.endProgress();
    clearTimeout(this.#noteTimer);
    try {
      await this.partial.keep(this.#leftover());
    } catch (error) {
      // That the disk is full was said when the download was ended for it.
      if (systemCode(error) === undefined) throw error;
      return `What could be written of it is in ${visible(this.partial.path)}; ${this.describe()} had come.`;
    }
    const again = this.#receiver.fast === undefined ? '' : ' Downloading it again goes on with it.';
    return `What came is kept in ${visible(this.partial.path)}: ${this.describe()}.${again}`;
  }

  /** Ends the attempt and leaves nothing of it, for example as it is not what the server has. */
  async discard(): Promise<void> {
    this.endProgress();
    clearTimeout(this.#noteTimer);
    await this.partial.discard();
  }

  #update(received: number): void {
    this.#progress?.update(received);
    if (this.#receiver.fast !== undefined) this.partial.advance(this.#receiver.contiguous);
  }

  #noteSoon(): void {
    if (this.#noteTimer !== undefined || this.#receiver.fast === undefined) return;
    this.#noteTimer = setTimeout(() => this.#noteNow(), NOTE_EVERY_MS);
    // Nobody has to wait for it: whoever ends the attempt notes what is there, or has no need to.
    this.#noteTimer.unref();
  }

  #noteNow(): void {
    clearTimeout(this.#noteTimer);
    this.#noteTimer = undefined;
    const leftover = this.#leftover();
    if (leftover === undefined) return;
    // A disk that cannot take it says so when the parts are written.
    this.partial.note(leftover).catch(() => undefined);
  }

  /** Under the document's rules nothing tells whether the file is the same another time. */
  #leftover(): Leftover | undefined {
    const { fast } = this.#receiver;
    return fast && { id: fast.id, size: fast.size, ranges: this.#receiver.ranges() };
  }
}

/** How a download begins, if there was an earlier attempt at it. */
export function describeLeftover(
  file: string,
  leftover: Leftover | undefined,
  receiver: Receiver,
): string | undefined {
  if (leftover === undefined) return undefined;
  const { counts, fast, segmentCount } = receiver;
  if (counts.kept > 0) {
    return `Going on with ${visible(file)}: ${counts.kept} of ${segmentCount} parts are here already.`;
  }
  // So little was left that no whole part of it is of use.
  if (fast?.id === leftover.id) return undefined;
  const why =
    fast === undefined
      ? 'this server cannot tell whether it is still the same'
      : 'it has changed since the last attempt';
  return `Starting ${visible(file)} anew: ${why}.`;
}

function describeDiskError(error: Error): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; make room and download again';
    default:
      return `the file cannot be written (${error.message})`;
  }
}

/** Loaded only when there is a bar: a short download in a pipe should not wait for it. */
async function startProgress(options: FileDownloadOptions): Promise<Progress | undefined> {
  const { barPlace: place, file, receiver } = options;
  if (place === undefined) return undefined;
  const { showProgress } = await import('../terminal/progress.ts');
  const { segmentCount, payload: segmentPayload } = receiver;
  return showProgress({ place, file, segmentCount, segmentPayload });
}
