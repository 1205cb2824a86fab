import { rm } from 'node:fs/promises';
import type { DownloadOutcome } from '../commands/client-effects.ts';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import type { SegmentSink } from '../net/chat-client-driver.ts';
import { PartialFile } from '../storage/partial-file.ts';
import { type BarPlace, formatBytes, type Progress, showProgress } from '../terminal/progress.ts';
import type { Receiver } from '../udp-reliable/receiver.ts';
import { SEGMENT_PAYLOAD } from '../udp-reliable/segment.ts';

export interface FileDownloadOptions {
  readonly folder: string;
  readonly file: string;
  readonly receiver: Receiver;
  /** Where the bar goes; no bar when absent. */
  readonly barPlace: BarPlace | undefined;
  readonly onError: (outcome: DownloadOutcome) => void;
}

/** The bar hears of every this many segments. */
const SEGMENTS_PER_UPDATE = 32;

/** A file on its way: what comes goes to the disk, and the bar shows how far it is. */
export class FileDownload implements SegmentSink {
  readonly partial: PartialFile;
  readonly #receiver: Receiver;
  readonly #progress: Progress | undefined;
  #bytes = 0;

  private constructor(partial: PartialFile, options: FileDownloadOptions) {
    const { barPlace: place, file, receiver } = options;
    this.partial = partial;
    this.#receiver = receiver;
    this.#progress =
      place &&
      showProgress({
        place,
        file,
        segmentCount: receiver.segmentCount,
        segmentPayload: SEGMENT_PAYLOAD,
      });
  }

  static async open(options: FileDownloadOptions): Promise<FileDownload> {
    const partial = await PartialFile.create({
      folder: options.folder,
      name: options.file,
      segmentPayload: SEGMENT_PAYLOAD,
      onError: (error) => options.onError({ type: 'failed', reason: describeDiskError(error) }),
    });
    return new FileDownload(partial, options);
  }

  write(seq: number, datagram: Buffer, start: number): boolean {
    const { received } = this.#receiver.counts;
    if (received % SEGMENTS_PER_UPDATE === 0) this.#progress?.update(received);
    const taken = this.partial.write(seq, datagram, start);
    if (taken) this.#bytes += datagram.length - start;
    return taken;
  }

  /** Brings the bar up to date, before something is asked. */
  showProgress(): void {
    this.#progress?.update(this.#receiver.counts.received, true);
  }

  /** No more will come. */
  endProgress(): void {
    this.#progress?.stop();
  }

  /** What came, in words. */
  describe(): string {
    const { received, reRequests } = this.#receiver.counts;
    const asked =
      reRequests === 0 ? '' : `, asked again ${reRequests} ${reRequests === 1 ? 'time' : 'times'}`;
    return `${received} of ${this.#receiver.segmentCount} parts, ${formatBytes(this.#bytes)}${asked}`;
  }

  /** Ends the attempt; says where what came is. */
  async keep(): Promise<string> {
    this.endProgress();
    try {
      await this.partial.keep();
    } catch (error) {
      // That the disk is full was said when the download was ended for it.
      if (systemCode(error) === undefined) throw error;
    }
    if (this.#receiver.counts.received === 0) {
      await rm(this.partial.path, { force: true });
      return 'Nothing was kept: no part had come.';
    }
    return `What came is kept in ${visible(this.partial.path)}: ${this.describe()}.`;
  }
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
