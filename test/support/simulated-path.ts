import { type Millis, millis, parsePort } from '../../lib/core/brands.ts';
import { Bottleneck, type BottleneckOptions } from '../../lib/lab/bottleneck.ts';
import { FaultPlan } from '../../lib/lab/faults.ts';
import { SimulatedNetwork } from '../../lib/lab/simulated-network.ts';
import { decodeFeedback, MAX_FEEDBACK_BYTES } from '../../lib/udp-reliable/feedback.ts';
import { Receiver } from '../../lib/udp-reliable/receiver.ts';
import {
  HEADER_BYTES,
  payloadLength,
  type Segmentation,
  segment,
  writeHeader,
} from '../../lib/udp-reliable/segment.ts';
import { Sender } from '../../lib/udp-reliable/sender.ts';

/** IPv4 and UDP. */
export const PACKET_OVERHEAD = 28;
const KEY = 7;
const PORT = parsePort('50000') ?? fail();

function fail(): never {
  throw new Error('no port');
}

/** A path that several downloads, and others, go over at once. */
export class SimulatedPath {
  readonly network = new SimulatedNetwork(new FaultPlan({}, 0), millis(0));
  readonly forward: Bottleneck;
  readonly backward: Bottleneck;

  constructor(options: BottleneckOptions) {
    this.forward = new Bottleneck(this.network, options);
    this.backward = new Bottleneck(this.network, { ...options, seed: options.seed + 1 });
  }
}

/** A download of the fast profile over a path, without what TCP says before and after. */
export class SimulatedDownload {
  readonly cut: Segmentation;
  readonly receiver: Receiver;
  readonly sender: Sender;
  sent = 0;
  finishedAt: Millis | undefined;
  /** Bytes of the file that have come. */
  received = 0;
  readonly #path: SimulatedPath;
  readonly #seqs = new Uint32Array(32);
  readonly #out = Buffer.alloc(MAX_FEEDBACK_BYTES);
  readonly #slots: Buffer;
  #pumpAt: Millis | undefined;
  #tellAt: Millis | undefined;
  readonly #credit: () => number;

  constructor(
    path: SimulatedPath,
    size: number,
    payload: number,
    credit: () => number = () => 2000,
  ) {
    this.#path = path;
    this.#credit = credit;
    this.cut = segment(size, payload);
    const { now } = path.network;
    this.receiver = new Receiver(this.cut.count, now, {
      id: 'file',
      port: PORT,
      key: KEY,
      size,
      payload,
      have: [],
      proceed: true,
    });
    this.sender = new Sender({ segmentCount: this.cut.count, payload, fast: true, shares: [] });
    this.sender.proceed();
    this.#slots = Buffer.alloc(HEADER_BYTES + payload);
    this.#pump();
  }

  #pump(): void {
    const { network, forward } = this.#path;
    for (;;) {
      const count = this.sender.take(network.now, this.#seqs);
      if (count === 0) break;
      for (const seq of this.#seqs.subarray(0, count)) {
        this.sent += 1;
        const bytes = HEADER_BYTES + payloadLength(this.cut, seq) + PACKET_OVERHEAD;
        forward.send(bytes, () => this.#arrive(seq));
      }
    }
    const at = this.sender.nextTimeout(network.now);
    if (
      at === undefined ||
      (this.#pumpAt !== undefined && this.#pumpAt <= at && this.#pumpAt > network.now)
    )
      return;
    // The timers of a process ring every millisecond at most.
    const due = millis(Math.max(at, network.now + 1));
    this.#pumpAt = due;
    network.schedule(due, () => {
      if (this.#pumpAt !== due) return;
      this.#pumpAt = undefined;
      this.#pump();
    });
  }

  #arrive(seq: number): void {
    if (this.finishedAt !== undefined) return;
    const { network } = this.#path;
    const length = HEADER_BYTES + payloadLength(this.cut, seq);
    const datagram = this.#slots.subarray(0, length);
    writeHeader(datagram, HEADER_BYTES, seq, 'binary');
    if (this.receiver.inspect(datagram, network.now) >= 0) {
      this.receiver.accept(seq);
      this.received += length - HEADER_BYTES;
    }
    if (this.receiver.phase === 'complete') this.finishedAt = network.now;
    if (this.receiver.feedbackDue(network.now) || this.finishedAt !== undefined) this.#tell();
    this.#arm();
  }

  #arm(): void {
    const { network } = this.#path;
    const at = this.receiver.nextTimeout();
    if (at === undefined || (this.#tellAt !== undefined && this.#tellAt <= at)) return;
    this.#tellAt = at;
    network.schedule(at, () => {
      if (this.#tellAt !== at) return;
      this.#tellAt = undefined;
      if (this.finishedAt !== undefined) return;
      if (this.receiver.onTimeout(network.now).length > 0) this.#tell();
      this.#arm();
    });
  }

  #tell(): void {
    const { network, backward } = this.#path;
    this.receiver.credit = this.#credit();
    const length = this.receiver.writeFeedback(this.#out, network.now);
    const copy = Buffer.from(this.#out.subarray(0, length));
    backward.send(length + PACKET_OVERHEAD, () => {
      const feedback = decodeFeedback(copy, KEY);
      if (feedback !== undefined) this.sender.onFeedback(feedback, network.now);
      this.#pump();
    });
  }
}

export function until(path: SimulatedPath, at: number): void {
  path.network.schedule(millis(at), () => undefined);
  path.network.run(millis(at));
}
