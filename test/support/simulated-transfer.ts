import { ChatServer } from '../../lib/commands/chat-server.ts';
import type { ClientEffect } from '../../lib/commands/client-effects.ts';
import { ClientSession } from '../../lib/commands/client-session.ts';
import { encodeClientMessage, encodeServerMessage } from '../../lib/commands/codec.ts';
import type { ServerEffect } from '../../lib/commands/room.ts';
import { after, type Millis, millis, parsePort } from '../../lib/core/brands.ts';
import { Bottleneck, type BottleneckOptions } from '../../lib/lab/bottleneck.ts';
import { FaultPlan, type Faults } from '../../lib/lab/faults.ts';
import { SimulatedNetwork } from '../../lib/lab/simulated-network.ts';
import type { Receiver } from '../../lib/udp-reliable/receiver.ts';
import {
  HEADER_BYTES,
  payloadLength,
  readSequenceNumber,
  SEGMENT_PAYLOAD,
  segment,
  writeHeader,
} from '../../lib/udp-reliable/segment.ts';
import type { Sender } from '../../lib/udp-reliable/sender.ts';

export type Watched =
  | { readonly type: 'part'; readonly at: Millis; readonly seq: number }
  | { readonly type: 'asked'; readonly at: Millis; readonly seqs: readonly number[] };

export interface TransferOptions {
  readonly seed: number;
  readonly size: number;
  readonly faults: Faults;
  readonly messageDelay?: Millis;
  /** How long the user thinks at 50 %. */
  readonly thinking?: Millis;
  readonly answer?: string;
  readonly rate?: number;
  /** Is told what one would capture beside each side. */
  readonly watch?: (side: 'client' | 'server', event: Watched) => void;
  /** What the datagrams go through instead of the network's faults. */
  readonly bottleneck?: BottleneckOptions;
}

export interface TransferResult {
  readonly sent: Buffer;
  readonly received: Buffer;
  /** The texts that were shown to the user. */
  readonly shown: readonly string[];
  readonly ended: string | undefined;
  /** Sequence numbers in the order in which they were sent. */
  readonly sendings: readonly number[];
  /** Each re-request: what it asked for, when, and which of it had come. */
  readonly reRequests: readonly { at: Millis; seqs: readonly number[]; had: readonly number[] }[];
  readonly sentBeforeProceed: readonly number[];
  readonly took: Millis;
  readonly counts: Receiver['counts'] | undefined;
  /** Nothing was left to happen at the end: no timer, nothing on its way. */
  readonly quiet: boolean;
}

/** Both sides of a download, from `connect` to `disconnect`, in virtual time. */
export function simulateTransfer(options: TransferOptions): TransferResult {
  return new SimulatedTransfer(options).run();
}

const ID = 1;
/** IPv4 and UDP. */
const PACKET_OVERHEAD = 28;
const PORT_TEXT = '50000';
const PORT = parsePort(PORT_TEXT);

/** At most one event that waits, as with the one timer of a driver. */
class Timer {
  readonly #network: SimulatedNetwork;
  readonly #ring: () => void;
  #at: Millis | undefined;

  constructor(network: SimulatedNetwork, ring: () => void) {
    this.#network = network;
    this.#ring = ring;
  }

  arm(at: Millis | undefined): void {
    // One that rings too early does no harm: what it rings looks at the time and sets it anew.
    if (at === undefined || (this.#at !== undefined && this.#at <= at)) return;
    this.#at = at;
    this.#network.schedule(at, () => {
      if (this.#at !== at) return;
      this.#at = undefined;
      this.#ring();
    });
  }
}

class SimulatedTransfer {
  readonly #options: TransferOptions;
  readonly #network: SimulatedNetwork;
  readonly #client = new ClientSession('line');
  readonly #server: ChatServer;
  readonly #file: Buffer;
  readonly #received: Buffer;
  readonly #shown: string[] = [];
  readonly #sendings: number[] = [];
  readonly #had = new Set<number>();
  readonly #reRequests: { at: Millis; seqs: readonly number[]; had: readonly number[] }[] = [];
  readonly #clientTimer: Timer;
  readonly #serverTimer: Timer;
  readonly #seqs = new Uint32Array(32);
  readonly #bottleneck: Bottleneck | undefined;
  #sender: Sender | undefined;
  #receiver: Receiver | undefined;
  #ended: string | undefined;
  #endedAt = millis(0);
  #sentBeforeProceed: readonly number[] = [];
  #proceedHeard = false;

  constructor(options: TransferOptions) {
    this.#options = options;
    // No two parts are alike, so that one in the wrong place is noticed.
    this.#file = Buffer.alloc(options.size);
    for (let at = 0; at < options.size; at += 1) {
      this.#file[at] = (at * 31 + (at >>> 8) * 7 + (at >>> 16) * 3 + options.seed * 17) & 0xff;
    }
    this.#received = Buffer.alloc(options.size);
    this.#network = new SimulatedNetwork(
      new FaultPlan(options.faults, options.seed),
      options.messageDelay ?? millis(5),
    );
    const { bottleneck } = options;
    this.#bottleneck = bottleneck && new Bottleneck(this.#network, bottleneck);
    this.#clientTimer = new Timer(this.#network, () =>
      this.#runClient(this.#client.download.onTimeout(this.#network.now)),
    );
    this.#serverTimer = new Timer(this.#network, () =>
      this.#runServer(this.#server.onTimeout(ID, this.#network.now)),
    );
    this.#server = new ChatServer({ dialect: 'document', rate: options.rate });
  }

  run(): TransferResult {
    this.#server.opened(ID, '127.0.0.1', this.#network.now);
    this.#runClient(this.#client.connect('alice'));
    this.#runClient(this.#client.download.request('file', this.#network.now));
    const quiet = this.#network.run(millis(3_600_000));
    return {
      sent: this.#file,
      received: this.#received,
      shown: this.#shown,
      ended: this.#ended,
      sendings: this.#sendings,
      reRequests: this.#reRequests,
      sentBeforeProceed: this.#sentBeforeProceed,
      took: this.#endedAt,
      counts: this.#receiver?.counts,
      quiet,
    };
  }

  #runServer(effects: readonly ServerEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send': {
          const text = encodeServerMessage(effect.message);
          this.#network.sendMessage(() =>
            this.#runClient(this.#client.handle(text, this.#network.now)),
          );
          break;
        }
        case 'open-file': {
          const offered = { size: this.#file.length, lastByte: this.#file.at(-1), id: 'file' };
          this.#runServer(this.#server.fileOpened(ID, offered, 0, this.#network.now));
          break;
        }
        case 'start-sending':
          this.#sender = effect.sender;
          this.#pump();
          break;
        case 'wake-sender':
          this.#pump();
          break;
        case 'check-file':
          this.#runServer(this.#server.fileChecked(ID, true, this.#network.now));
          break;
        case 'end-sending':
          this.#sender = undefined;
          break;
        default:
      }
    }
    this.#serverTimer.arm(this.#server.nextTimeout(ID));
  }

  #pump(): void {
    const sender = this.#sender;
    if (sender === undefined) return;
    const count = sender.take(this.#network.now, this.#seqs);
    for (const seq of this.#seqs.subarray(0, count)) {
      this.#sendings.push(seq);
      this.#options.watch?.('server', { type: 'part', at: this.#network.now, seq });
      const datagram = this.#datagram(seq);
      if (this.#bottleneck === undefined) {
        this.#network.sendDatagram(datagram, (arriving) => this.#arrive(arriving));
      } else {
        this.#bottleneck.send(datagram.length + PACKET_OVERHEAD, () => this.#arrive(datagram));
      }
    }
    const at = sender.nextTimeout(this.#network.now);
    if (at !== undefined) this.#network.schedule(after(at, millis(0.01)), () => this.#pump());
    else {
      this.#server.sendingPaused(ID, this.#network.now);
      this.#serverTimer.arm(this.#server.nextTimeout(ID));
    }
  }

  #datagram(seq: number): Buffer {
    const length = payloadLength(segment(this.#file.length), seq);
    const datagram = Buffer.alloc(HEADER_BYTES + length);
    writeHeader(datagram, HEADER_BYTES, seq, 'binary');
    this.#file.copy(datagram, HEADER_BYTES, seq * SEGMENT_PAYLOAD, seq * SEGMENT_PAYLOAD + length);
    return datagram;
  }

  #arrive(datagram: Buffer): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#ended !== undefined) return;
    const seq = receiver.inspect(datagram, this.#network.now);
    const number = readSequenceNumber(datagram);
    this.#options.watch?.('client', { type: 'part', at: this.#network.now, seq: number });
    if (seq < 0) return;
    datagram.copy(this.#received, seq * SEGMENT_PAYLOAD, HEADER_BYTES);
    receiver.accept(seq);
    this.#had.add(seq);
    this.#runClient(this.#client.download.segmentsReceived(this.#network.now));
  }

  #runClient(effects: readonly ClientEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    this.#clientTimer.arm(this.#client.download.nextTimeout());
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send':
        if (effect.message.type === 're-request') {
          const { seqs } = effect.message;
          const had = seqs.filter((seq) => this.#had.has(seq));
          this.#reRequests.push({ at: this.#network.now, seqs, had });
          this.#options.watch?.('client', { type: 'asked', at: this.#network.now, seqs });
        }
        this.#say(encodeClientMessage(effect.message));
        break;
      case 'send-text':
        this.#say(effect.text);
        break;
      case 'show':
        this.#shown.push(effect.text);
        break;
      case 'open-receiver':
        this.#receiver = effect.receiver;
        if (PORT !== undefined)
          this.#runClient(this.#client.download.receiverReady(PORT, this.#network.now));
        break;
      case 'ask-to-proceed':
        this.#network.schedule(after(this.#network.now, this.#options.thinking ?? millis(0)), () =>
          this.#runClient(
            this.#client.download.answer(this.#options.answer ?? 'proceed', this.#network.now),
          ),
        );
        break;
      case 'download-ended':
        this.#ended = effect.outcome.type;
        this.#endedAt = this.#network.now;
        break;
      default:
    }
  }

  #say(text: string): void {
    this.#network.sendMessage(() => {
      if (text === 'proceed' && !this.#proceedHeard) {
        this.#proceedHeard = true;
        this.#sentBeforeProceed = [...this.#sendings];
      }
      if (/^[\d ]+$/.test(text) && text !== PORT_TEXT) {
        const seqs = text.split(' ').map(Number);
        this.#options.watch?.('server', { type: 'asked', at: this.#network.now, seqs });
      }
      this.#runServer(this.#server.handle(ID, text, 'line', this.#network.now));
    });
  }
}
