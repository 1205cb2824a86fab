import { type FateOf, FaultPlan } from './faults.ts';
import { RateQueue } from './rate-queue.ts';
import type { Scenario, WayFaults } from './scenario.ts';

/** Which way a datagram goes. */
export type Toward = 'client' | 'server';

/** What becomes of the datagrams that go one way. */
export interface DatagramWay {
  readonly fateOf?: FateOf | undefined;
  /** Shared by all downloads of the link. */
  readonly queue?: RateQueue | undefined;
}

/** What a scenario does to datagrams, each way with chance of its own. */
export function linkWays(
  { toClient, toServer }: Pick<Scenario, 'toClient' | 'toServer'>,
  seed: number,
): Readonly<Record<Toward, DatagramWay>> {
  return { client: wayOf(toClient, seed), server: wayOf(toServer, ~seed) };
}

function wayOf({ rate, queue, ...faults }: WayFaults, seed: number): DatagramWay {
  const plan = new FaultPlan(faults, seed);
  return {
    fateOf: (seq, nth, last) => plan.fateOf(seq, nth, last),
    queue: rate && queue ? new RateQueue({ rate, queue }) : undefined,
  };
}
