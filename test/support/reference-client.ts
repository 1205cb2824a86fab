/**
 * A classroom client for tests, written from the protocol's document alone and sharing nothing
 * with the implementation under test. It is strict: a datagram that differs from the document
 * fails the download.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { loopTurns } from '../net/waiting.ts';
import {
  BARE_GAP_MS,
  encodeMessage,
  type Framing,
  messageReader,
  type NumberForm,
  PART_BYTES,
} from './reference-server.ts';

/** The number and the data of a datagram; throws where the document is not kept. */
export function decodeDatagram(
  datagram: Buffer,
  segmentCount: number,
  form: NumberForm = 'binary',
): { seq: number; data: Buffer } {
  const colon = form === 'binary' ? 4 : datagram.indexOf(0x3a);
  const data = datagram.subarray(colon + 1);
  let seq = -1;
  if (form === 'binary') seq = datagram.length > 5 ? datagram.readUInt32BE(0) : -1;
  else if (/^(0|[1-9]\d{0,3}):/.test(datagram.toString('latin1', 0, 5))) {
    seq = Number(datagram.toString('latin1', 0, colon));
  }
  const last = seq === segmentCount - 1 && data.length >= 1 && data.length < PART_BYTES;
  const inRange = seq >= 0 && seq < segmentCount;
  if (datagram[colon] !== 0x3a || !inRange || (data.length !== PART_BYTES && !last)) {
    const start = datagram.subarray(0, 12).toString('hex');
    throw new Error(`bad datagram of ${datagram.length} bytes: ${start}`);
  }
  return { seq, data };
}

/** Sleeps until there is news, or for a time at most. */
async function newsWithin(news: EventEmitter, ms: number): Promise<void> {
  await once(news, 'news', { signal: AbortSignal.timeout(ms) }).catch(() => undefined);
}

/** What a test may change in a download. */
export interface DownloadOptions {
  /** True: this datagram counts as lost. `nth` is 1 for the first arrival of that number. */
  drop?: (seq: number, nth: number) => boolean;
  /** The answer at 50 %; default `proceed`. */
  answer?: string;
  /** `ip-port` answers `IP|PORT` and so asks for numbers in ASCII; default `port`. */
  address?: 'port' | 'ip-port';
  /** Called with the first half there, before the answer is sent; a promise is waited for. */
  onHalf?: () => unknown;
}

/** What came of a download. */
export interface DownloadResult {
  /** The file, or its first half when the answer stopped the download. */
  data: Buffer;
  segmentCount: number;
  /** Every datagram in order of arrival, those that `drop` threw away included. */
  datagrams: Buffer[];
  /** The text of every re-request that was sent. */
  reRequests: string[];
  /** The server's last word: `User … downloaded 100% …` or `download stopped`. */
  reply: string;
}

interface Transfer {
  udp: UdpSocket;
  queue: Buffer[];
  news: EventEmitter;
  form: NumberForm;
  options: DownloadOptions;
  seen: Map<number, number>;
  parts: Map<number, Buffer>;
  /** Messages before this index are older than the transfer. */
  since: number;
  result: DownloadResult;
}

const TROUBLE = /^(Can't download|download stopped|message too long|server is closing)/;
const FINISHED = /^User .* downloaded 100% out of file\. Last byte is: (\d{1,3}|none)$/;
const GIVE_UP_MS = 30_000;

interface Address {
  port: number;
  host?: string;
  framing: Framing;
}

/** One connection to a classroom server ("About the client program" in the document). */
export class ReferenceClient {
  readonly #socket: Socket;
  readonly #framing: Framing;
  readonly #messages: string[] = [];
  readonly #news = new EventEmitter();
  #read = 0;
  #closed = false;
  #proceeded = false;
  /** Settles when the connection is over, whichever side ended it. */
  readonly ended: Promise<void>;

  private constructor(socket: Socket, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
    const split = messageReader(framing);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#messages.push(...split(chunk));
      this.#news.emit('news');
    });
    // A reset is one more way to end; 'close' follows it.
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed = true;
        this.#news.emit('news');
        resolve();
      });
    });
  }

  /** Opens the TCP connection; does not log in ("get_users": no need to be connected). */
  static async connect({ port, host = '127.0.0.1', framing }: Address): Promise<ReferenceClient> {
    const socket = connectTcp({ port, host });
    await once(socket, 'connect');
    return new ReferenceClient(socket, framing);
  }

  /** All messages so far, taken by `next` or not. */
  get received(): readonly string[] {
    return this.#messages;
  }

  /** Writes one message at once; a bare peer's caller keeps the messages apart. */
  send(text: string): void {
    if (text === 'proceed') this.#proceeded = true;
    this.sendBytes(encodeMessage(text, this.#framing));
  }

  /** Writes bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next message; rejects when there is none in time, or none can come any more. */
  async next(timeoutMs = 5000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const message = this.#messages[this.#read];
      if (message !== undefined) {
        this.#read += 1;
        return message;
      }
      if (this.#closed) throw new Error('the connection ended');
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no message within ${timeoutMs} ms`);
      await newsWithin(this.#news, left);
    }
  }

  /**
   * "How the download works": asks, receives, re-requests, answers at 50 %, stops. Other users'
   * messages that come meanwhile are skipped here, and stay in `received`.
   */
  async download(name: string, options: DownloadOptions = {}): Promise<DownloadResult> {
    this.#proceeded = false;
    await this.#sendApart(`download|${name}`);
    const header = await this.#nextThat((text) => text.startsWith('|'));
    if (!/^\|\d+$/.test(header)) throw new Error(`bad number of parts: ${header}`);
    const segmentCount = Number(header.slice(1));
    const transfer = await this.#openTransfer(segmentCount, options);
    const { result } = transfer;
    try {
      const { address: ip, port } = transfer.udp.address();
      await this.#sendApart(options.address === 'ip-port' ? `${ip}|${port}` : `${port}`);
      if (segmentCount >= 2) {
        await this.#collect(transfer, Math.floor(segmentCount / 2));
        await options.onHalf?.();
        // A test may have sent its `proceed` early: that one counts, and is not repeated.
        if (!this.#proceeded) await this.#sendApart(options.answer ?? 'proceed');
      }
      if (segmentCount >= 2 && !this.#proceeded) {
        result.reply = await this.#nextThat((text) => text === 'download stopped');
      } else {
        await this.#collect(transfer, segmentCount);
        await this.#sendApart('stop');
        result.reply = await this.#nextThat((text) => FINISHED.test(text));
      }
    } finally {
      transfer.udp.close();
    }
    const inOrder = [...transfer.parts].sort(([a], [b]) => a - b);
    result.data = Buffer.concat(inOrder.map(([, data]) => data));
    return result;
  }

  /** Ends the connection without `disconnect`. */
  close(): void {
    this.#socket.destroy();
  }

  /** For a bare peer, silence is all that separates two messages. */
  async #sendApart(text: string): Promise<void> {
    if (this.#framing === 'bare') {
      // A server in this process reads what was sent before, even if both were held up for long; the silence is after.
      await loopTurns();
      await delay(BARE_GAP_MS);
      await loopTurns();
    }
    this.send(text);
  }

  async #nextThat(wanted: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = await this.next();
      if (wanted(text)) return text;
      if (TROUBLE.test(text)) throw new Error(text);
    }
  }

  async #openTransfer(segmentCount: number, options: DownloadOptions): Promise<Transfer> {
    const { localAddress = '127.0.0.1', remoteAddress } = this.#socket;
    const udp = createSocket(isIPv6(localAddress) ? 'udp6' : 'udp4');
    const queue: Buffer[] = [];
    const news = new EventEmitter();
    udp.on('message', (datagram, from) => {
      if (from.address !== remoteAddress) return;
      queue.push(datagram);
      news.emit('news');
    });
    udp.bind(0, localAddress);
    await once(udp, 'listening');
    const form = options.address === 'ip-port' ? 'decimal' : 'binary';
    const data = Buffer.alloc(0);
    const result = { data, segmentCount, datagrams: [], reRequests: [], reply: '' };
    const [seen, parts, since] = [new Map(), new Map(), this.#messages.length];
    return { udp, queue, news, form, options, seen, parts, since, result };
  }

  /** Receives until all parts below `end` are there. */
  async #collect(transfer: Transfer, end: number): Promise<void> {
    const { parts, queue, news, result } = transfer;
    const missing = new Set<number>();
    for (let seq = 0; seq < end; seq += 1) if (!parts.has(seq)) missing.add(seq);
    let timer = 100;
    let lastNew = Date.now();
    while (missing.size > 0) {
      if (queue.length === 0) await newsWithin(news, timer);
      const trouble = this.#messages.slice(transfer.since).find((text) => TROUBLE.test(text));
      if (trouble !== undefined) throw new Error(trouble);
      if (this.#closed) throw new Error('the connection ended');
      if (Date.now() - lastNew > GIVE_UP_MS) throw new Error('nothing new for 30 s');
      if (queue.length === 0) {
        const numbers = [...missing].sort((a, b) => a - b);
        for (let first = 0; first < numbers.length; first += 1000) {
          const text = numbers.slice(first, first + 1000).join(' ');
          result.reRequests.push(text);
          await this.#sendApart(text);
        }
        timer += 100;
      }
      for (const datagram of queue.splice(0)) {
        const seq = this.#take(transfer, datagram, end);
        if (seq !== undefined && missing.delete(seq)) {
          timer = 100;
          lastNew = Date.now();
        }
      }
    }
  }

  /** Keeps one datagram; returns its number, or nothing when it counts as lost. */
  #take(transfer: Transfer, datagram: Buffer, end: number): number | undefined {
    const { parts, seen, result, options } = transfer;
    result.datagrams.push(datagram);
    const { seq, data } = decodeDatagram(datagram, result.segmentCount, transfer.form);
    if (seq >= end && !this.#proceeded) throw new Error(`part ${seq} came before the answer`);
    const nth = (seen.get(seq) ?? 0) + 1;
    seen.set(seq, nth);
    if (options.drop?.(seq, nth) === true) return undefined;
    const before = parts.get(seq);
    if (before?.equals(data) === false) throw new Error(`part ${seq} came with other data`);
    parts.set(seq, data);
    return seq;
  }
}
