import type { IpPayload } from './decode.ts';

/** Packets of which not all has come yet; the oldest is given up for a new one. */
const MAX_PENDING = 256;
const MAX_BYTES = 65_535;
/** Their numbers come again: after this time, in nanoseconds, it is another packet (RFC 8200, section 4.5: 60 s). */
const EXPIRES = 30e9;

interface Pending {
  readonly begun: number;
  readonly pieces: Map<number, Buffer>;
  /** Bytes of all pieces. */
  bytes: number;
  /** Known once the last piece has come. */
  length: number | undefined;
}

/** Puts the fragments of IP packets together, in whatever order they come. */
export class Fragments {
  readonly #pending = new Map<string, Pending>();

  /**
   * The whole packet, with the fragment that completes it. Where the capture has cut fragments short, that is the
   * first one.
   * @param time in nanoseconds.
   */
  push(ip: IpPayload, time: number): IpPayload | undefined {
    const { fragment, source, destination, protocol, bytes } = ip;
    if (fragment === undefined) return ip;
    const { offset, more } = fragment;
    if (ip.isCut)
      return offset === 0 ? { source, destination, protocol, bytes, isCut: true } : undefined;
    if (offset + bytes.length > MAX_BYTES) return undefined;
    const key = [source.toString('hex'), destination.toString('hex'), protocol, fragment.id].join();
    const pending = this.#pendingOf(key, offset, bytes, time);
    if (!pending.pieces.has(offset)) pending.bytes += bytes.length;
    pending.pieces.set(offset, Buffer.from(bytes));
    if (!more) pending.length = offset + bytes.length;
    if (pending.length === undefined || pending.bytes < pending.length) return undefined;
    this.#pending.delete(key);
    const whole = join(pending.pieces, pending.length);
    return whole && { protocol, source, destination, bytes: whole, isCut: false };
  }

  #pendingOf(key: string, offset: number, bytes: Buffer, time: number): Pending {
    const known = this.#pending.get(key);
    const isSame = known?.pieces.get(offset)?.equals(bytes) ?? true;
    if (known !== undefined && isSame && time - known.begun < EXPIRES) return known;
    this.#pending.delete(key);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size >= MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    const pending: Pending = { begun: time, pieces: new Map(), bytes: 0, length: undefined };
    this.#pending.set(key, pending);
    return pending;
  }
}

/** `undefined` when they leave holes, as they overlap. */
function join(pieces: ReadonlyMap<number, Buffer>, length: number): Buffer | undefined {
  const whole = Buffer.alloc(length);
  let end = 0;
  for (const [offset, bytes] of [...pieces].sort(([a], [b]) => a - b)) {
    if (offset > end) return undefined;
    bytes.copy(whole, offset);
    end = Math.max(end, offset + bytes.length);
  }
  return end >= length ? whole : undefined;
}
