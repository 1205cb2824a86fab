import { randomInt } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Address, Endpoints } from './address.ts';
import { encodeTcp, encodeUdp, type Flow, tcpBytes, udpBytes } from './packets.ts';
import {
  type Direction,
  encodePacketBlock,
  interfaceDescription,
  MAX_TRAILER_BYTES,
  PACKET_AT,
  type PacketInfo,
  packetBlockBytes,
  sectionHeader,
} from './pcapng.ts';
import { TcpFlow } from './tcp-flow.ts';

/** What is written to the file at once, at most. */
const BUFFER_BYTES = 524_288;
/** What was recorded is in the file after so many milliseconds: a program that is killed leaves it behind. */
const FLUSH_AFTER_MS = 20;
const SEQUENCE_NUMBERS = 2 ** 32;

export interface RecorderOptions {
  readonly path: string;
  /** Bytes of the file; what would go beyond is not recorded. */
  readonly limit: number;
  /** What has recorded it, for the file. */
  readonly application: string;
  /** What the interface with that address is called. */
  readonly interfaceOf: (address: string) => string;
  /** Nothing more is recorded, and why. */
  readonly onStopped: (reason: string) => void;
}

/** A TCP connection that is recorded. */
export interface TcpRecord {
  data(direction: Direction, bytes: Uint8Array): void;
  /** That side has nothing more to say. */
  end(direction: Direction): void;
  /** It is gone: by whose reset, if it was one. */
  closed(resetBy?: Direction): void;
  /** For the next bytes that go out. */
  explainNext(text: string): void;
}

/**
 * What a program sends and receives, in a pcapng file, as it happens. Whole blocks go to the file at
 * once, so that it can be read at any time.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #endpoints = new Endpoints();
  readonly #interfaces = new Map<string, number>();
  /** By the address, to find it at once. */
  readonly #interfaceNumbers = new Map<string, number>();
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #clock = new Clock();
  /** Bytes of the buffer that are whole blocks. */
  #filled = 0;
  /** Bytes of the file. */
  #written = 0;
  #frames = 0;
  /** The last packet: it may still be explained. */
  #last: PacketInfo | undefined;
  #lastBytes = 0;
  #flushing: NodeJS.Timeout | undefined;
  #fd: number | undefined;

  /** @throws an error of the system when the file cannot be made. */
  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, 'w');
    this.#append(sectionHeader(options.application));
    this.#flush();
  }

  /** @param by which side has opened it: `out` is this program. */
  tcp(local: Address, remote: Address, by: Direction): TcpRecord {
    const flows = this.#flows(local, remote);
    let comment: string | undefined;
    const initial = { in: randomInt(SEQUENCE_NUMBERS), out: randomInt(SEQUENCE_NUMBERS) };
    const flow = new TcpFlow(initial, ({ direction, payload, ...fields }) => {
      const bytes = tcpBytes(flows[direction], payload.length);
      const at = this.#begin(bytes, direction, local.address);
      if (at === undefined) return;
      encodeTcp(this.#buffer, at, flows[direction], fields, payload);
      if (direction === 'in' || payload.length === 0 || comment === undefined) return;
      this.explain(comment);
      comment = undefined;
    });
    flow.opened(by);
    return {
      data: (direction, bytes) => flow.data(direction, bytes),
      end: (direction) => flow.end(direction),
      closed: (resetBy?: Direction) => flow.closed(resetBy),
      explainNext: (text) => {
        comment = joined(comment, text);
      },
    };
  }

  udp(direction: Direction, local: Address, remote: Address, payload: Uint8Array): void {
    const flow = this.#flows(local, remote)[direction];
    const at = this.#begin(udpBytes(flow, payload.length), direction, local.address);
    if (at !== undefined) encodeUdp(this.#buffer, at, flow, payload);
  }

  /** Packets so far: the number of the last one, as Wireshark counts them. */
  get frames(): number {
    return this.#frames;
  }

  /** What is known of the packet that was recorded last. */
  explain(text: string): void {
    if (this.#last !== undefined) this.#last.comment = joined(this.#last.comment, text);
  }

  close(): void {
    if (this.#fd === undefined) return;
    this.#seal();
    this.#flush();
    this.#stop();
  }

  #flows(local: Address, remote: Address): Record<Direction, Flow> {
    const [here, there] = [this.#endpoints.of(local), this.#endpoints.of(remote)];
    return {
      in: { source: there, destination: here },
      out: { source: here, destination: there },
    };
  }

  /** Room for a packet: where it goes. `undefined` when nothing is recorded any more. */
  #begin(bytes: number, direction: Direction, address: string): number | undefined {
    this.#seal();
    const interfaceNumber = this.#interfaceOf(address);
    if (this.#filled + PACKET_AT + bytes + MAX_TRAILER_BYTES > BUFFER_BYTES) this.#flush();
    if (this.#fd === undefined) return undefined;
    const { high, low } = this.#clock.now();
    this.#last = { high, low, interfaceNumber, direction, comment: undefined };
    this.#lastBytes = bytes;
    this.#frames += 1;
    this.#flushing ??= setTimeout(() => this.#onTimer(), FLUSH_AFTER_MS).unref();
    return this.#filled + PACKET_AT;
  }

  #interfaceOf(address: string): number {
    const known = this.#interfaceNumbers.get(address);
    if (known !== undefined) return known;
    const name = this.#options.interfaceOf(address);
    const number = this.#interfaces.get(name) ?? this.#interfaces.size;
    if (!this.#interfaces.has(name)) this.#append(interfaceDescription(name));
    this.#interfaces.set(name, number);
    this.#interfaceNumbers.set(address, number);
    return number;
  }

  /** The last packet becomes a whole block, unless there is no room for it in the file. */
  #seal(): void {
    const last = this.#last;
    if (last === undefined) return;
    this.#last = undefined;
    const { limit } = this.#options;
    const end = this.#filled + packetBlockBytes(this.#lastBytes, last.comment);
    if (this.#written + end > limit) {
      this.#flush();
      this.#stop('it has reached its limit');
      return;
    }
    this.#filled = encodePacketBlock(this.#buffer, this.#filled, this.#lastBytes, last);
  }

  #append(block: Buffer): void {
    if (this.#filled + block.length > BUFFER_BYTES) this.#flush();
    this.#filled += block.copy(this.#buffer, this.#filled);
  }

  #onTimer(): void {
    this.#flushing = undefined;
    this.#seal();
    this.#flush();
  }

  /** At once, and not in the background: it is memory that is copied to memory, and in order. */
  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    try {
      for (let at = 0; at < this.#filled && this.#fd !== undefined; ) {
        at += writeSync(this.#fd, this.#buffer, at, this.#filled - at);
      }
    } catch (error) {
      this.#stop(error instanceof Error ? error.message : String(error));
    }
    this.#written += this.#filled;
    this.#filled = 0;
  }

  #stop(reason?: string): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    if (reason !== undefined) this.#options.onStopped(reason);
  }
}

function joined(earlier: string | undefined, text: string): string {
  return earlier === undefined ? text : `${earlier}; ${text}`;
}

/** The time in nanoseconds since 1970, in two halves: as a whole it is no safe number. */
class Clock {
  readonly #time = { high: 0, low: 0 };
  readonly #startHigh: number;
  readonly #startLow: number;

  constructor() {
    const start = BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n;
    this.#startHigh = Number(start >> 32n);
    this.#startLow = Number(start & 0xffffffffn);
  }

  /** Valid until the next call. */
  now(): { readonly high: number; readonly low: number } {
    const sum = this.#startLow + Math.round(performance.now() * 1e6);
    this.#time.high = this.#startHigh + Math.floor(sum / 2 ** 32);
    this.#time.low = sum % 2 ** 32;
    return this.#time;
  }
}
