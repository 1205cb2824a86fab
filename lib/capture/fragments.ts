import type { IpPayload } from './decode.ts';

/** Packets of which not all has come yet; the oldest is given up for a new one. */
const MAX_PENDING = 256;
const MAX_BYTES = 65_535;

interface Pending {
  readonly pieces: Map<number, Buffer>;
  /** Known once the last piece has come. */
  length: number | undefined;
  isCut: boolean;
}

/** Puts the fragments of IP packets together, in whatever order they come. */
export class Fragments {
  readonly #pending = new Map<string, Pending>();

  /** The whole packet, with the fragment that completes it. */
  push(ip: IpPayload): IpPayload | undefined {
    const { fragment, source, destination, protocol, bytes } = ip;
    if (fragment === undefined) return ip;
    if (fragment.offset + bytes.length > MAX_BYTES) return undefined;
    const key = [source.toString('hex'), destination.toString('hex'), protocol, fragment.id].join();
    const pending = this.#pending.get(key) ?? this.#begin(key);
    pending.pieces.set(fragment.offset, Buffer.from(bytes));
    if (!fragment.more) pending.length = fragment.offset + bytes.length;
    pending.isCut ||= ip.isCut;
    const whole = join(pending);
    if (whole === undefined) return undefined;
    this.#pending.delete(key);
    return { protocol, source, destination, bytes: whole, isCut: pending.isCut };
  }

  #begin(key: string): Pending {
    const [oldest] = this.#pending.keys();
    if (this.#pending.size >= MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    const pending: Pending = { pieces: new Map(), length: undefined, isCut: false };
    this.#pending.set(key, pending);
    return pending;
  }
}

function join({ pieces, length }: Pending): Buffer | undefined {
  if (length === undefined) return undefined;
  const whole = Buffer.alloc(length);
  let end = 0;
  for (const [offset, bytes] of [...pieces].sort(([a], [b]) => a - b)) {
    if (offset > end) return undefined;
    bytes.copy(whole, offset);
    end = Math.max(end, offset + bytes.length);
  }
  return end >= length ? whole : undefined;
}
