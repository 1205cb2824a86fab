/** Where the segments of a download go. */
export interface SegmentSink {
  /** Takes what `datagram` holds from `start` on; `false`: not now, it has to come again. */
  write(seq: number, datagram: Buffer, start: number): boolean;
  /** Segments that it can take now; the server sends no more than that. Any number when absent. */
  readonly room?: number;
  /** The SHA-256, in hex, of the whole file; every segment was taken. Needed in the fast profile. */
  sha256?(): Promise<string>;
}
