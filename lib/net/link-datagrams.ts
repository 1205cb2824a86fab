import { createSocket, type Socket } from 'node:dgram';
import { after, type Millis, millis } from '../core/brands.ts';
import { damaged, explainFate, type Fate, NO_PART } from '../lab/faults.ts';
import type { Agreed } from '../lab/link-conversation.ts';
import type { DatagramWay, Toward } from '../lab/link-ways.ts';
import { PartNumbers } from '../lab/part-number.ts';
import { SendingCounts } from '../lab/sending-counts.ts';
import { plainAddress, udpFamily } from './addresses.ts';
import { now } from './clock.ts';
import { explainDatagram, tapUdp } from './tap.ts';

/** What is on its way at once, at most: beyond that it is dropped. */
const MAX_ON_ITS_WAY_BYTES = 64 * 2 ** 20;

/** What was decided about a datagram. */
export interface Decision {
  readonly toward: Toward;
  /** `undefined`: it is no part of a file. */
  readonly seq: number | undefined;
  /** Counts the sendings of this part, or the datagrams that are none, from 1. */
  readonly nth: number;
  readonly fate: Fate;
  /** What was decided and about what, in words; nothing where it simply passes. */
  readonly text: string | undefined;
}

export interface LinkDatagramsOptions {
  readonly ways: Readonly<Record<Toward, DatagramWay>>;
  readonly onDecision: (decision: Decision) => void;
  /** What the words about a decision say of where it comes from, like `seed 42`. */
  readonly source: string | undefined;
}

/** The IP addresses of a download, as the TCP connections through the link have them. */
export interface Ends {
  readonly own: string;
  readonly client: string;
  readonly server: string;
}

/** The way of the datagrams of one download: one UDP port, which either side takes for the other's. */
export class LinkDatagrams {
  readonly #options: LinkDatagramsOptions;
  readonly #ends: Ends;
  readonly #last: number | undefined;
  readonly #numbers: PartNumbers;
  readonly #counts = new SendingCounts();
  readonly #socket: Socket;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Whoever of them is not known yet speaks first. */
  readonly #ports: Record<Toward, number | undefined>;
  readonly #strays: Record<Toward, number> = { client: 0, server: 0 };
  #onItsWay = 0;
  #isClosed = false;

  private constructor(ends: Ends, agreed: Agreed, options: LinkDatagramsOptions) {
    this.#options = options;
    this.#ends = ends;
    const { by, port, segmentCount } = agreed;
    this.#ports = { client: undefined, server: undefined, [by]: port };
    this.#numbers = new PartNumbers(segmentCount);
    this.#last = segmentCount === undefined ? undefined : segmentCount - 1;
    this.#socket = createSocket({ type: udpFamily(ends.own), recvBufferSize: 4 * 2 ** 20 });
    tapUdp(this.#socket);
  }

  /** @throws an error of the system when there is no port. */
  static async open(
    ends: Ends,
    agreed: Agreed,
    options: LinkDatagramsOptions,
  ): Promise<LinkDatagrams> {
    const path = new LinkDatagrams(ends, agreed, options);
    await new Promise<void>((resolve, reject) => {
      path.#socket.once('error', reject);
      path.#socket.bind(0, ends.own, () => {
        path.#socket.off('error', reject);
        resolve();
      });
    });
    path.#socket.on('error', () => undefined);
    path.#socket.on('message', (datagram, { address, port }) => {
      path.#onDatagram(datagram, plainAddress(address), port);
    });
    return path;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#socket.close();
  }

  #onDatagram(datagram: Buffer, address: string, port: number): void {
    const from = this.#senderAt(address, port);
    if (from === undefined) {
      explainDatagram('from a stranger, ignored');
      return;
    }
    // A server may send from another port at any time.
    this.#ports[from] = port;
    this.#decide(datagram, from === 'server' ? 'client' : 'server');
  }

  #senderAt(address: string, port: number): Toward | undefined {
    const { client, server } = this.#ends;
    if (address === client && port === this.#ports.client) return 'client';
    if (address === server && port === this.#ports.server) return 'server';
    if (address === client && this.#ports.client === undefined) return 'client';
    return address === server ? 'server' : undefined;
  }

  #decide(datagram: Buffer, toward: Toward): void {
    const { ways, onDecision } = this.#options;
    const { fateOf, queue } = ways[toward];
    const seq = toward === 'client' ? this.#numbers.read(datagram)?.seq : undefined;
    if (seq === undefined) this.#strays[toward] += 1;
    const nth = seq === undefined ? this.#strays[toward] : this.#counts.next(seq);
    let fate = fateOf?.(seq ?? NO_PART, nth, this.#last) ?? [{ delay: millis(0) }];
    let why = explainFate(fate, datagram.length);
    // Only what arrives takes time on the link.
    const gone =
      fate.length === 0 || queue === undefined ? now() : queue.admit(datagram.length, now());
    if (gone === undefined || this.#onItsWay > MAX_ON_ITS_WAY_BYTES) {
      fate = [];
      why = gone === undefined ? 'dropped, the queue is full' : 'dropped, too much is on its way';
    }
    const text = why === undefined ? undefined : `${why}: ${this.#nameOf(seq, nth, toward)}`;
    if (text !== undefined) explainDatagram(text);
    onDecision({ toward, seq, nth, fate, text });
    for (const copy of fate) {
      this.#sendAt(damaged(datagram, copy), toward, after(gone ?? now(), copy.delay));
    }
  }

  #nameOf(seq: number | undefined, nth: number, toward: Toward): string {
    const { source } = this.#options;
    const what =
      seq === undefined ? `datagram ${nth} to the ${toward}` : `part ${seq}, sending ${nth}`;
    return source === undefined ? what : `${source}, ${what}`;
  }

  #sendAt(datagram: Buffer, toward: Toward, at: Millis): void {
    const wait = at - now();
    if (wait <= 0) {
      this.#send(datagram, toward);
      return;
    }
    this.#onItsWay += datagram.length;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#onItsWay -= datagram.length;
      this.#send(datagram, toward);
    }, Math.ceil(wait));
    this.#timers.add(timer);
  }

  #send(datagram: Buffer, toward: Toward): void {
    const port = this.#ports[toward];
    // Nobody is there to take it yet, or the connection broke with it.
    if (port === undefined || this.#isClosed) return;
    this.#socket.send(datagram, port, this.#ends[toward], () => undefined);
  }
}
