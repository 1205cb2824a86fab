import type { RawFaults } from './scenario.ts';

/** A scenario as a file has it (YAML), so that people can take one for their own. */
export interface RawScenario {
  readonly about: string;
  readonly 'to-client'?: RawFaults;
  readonly 'to-server'?: RawFaults;
  readonly tcp?: RawFaults;
}

/** The ready ones, by name. */
export const SCENARIOS: Readonly<Record<string, RawScenario>> = {
  clean: { about: 'a path without faults' },
  'light-loss': {
    about: 'one datagram of a hundred is lost',
    'to-client': { loss: '1%' },
  },
  'some-loss': {
    about: 'one datagram of twenty is lost',
    'to-client': { loss: '5%' },
    'to-server': { loss: '5%' },
  },
  'heavy-loss': {
    about: 'one datagram of five is lost',
    'to-client': { loss: '20%' },
    'to-server': { loss: '20%' },
  },
  burst: {
    about: 'losses come several at a time (Gilbert-Elliott)',
    'to-client': { burst: '2%/25%/90%' },
  },
  wifi: {
    about:
      'a wireless network in use: short bursts of loss, a delay that varies, some overtake others',
    'to-client': { burst: '1%/40%/70%', delay: 2, jitter: 8, reorder: '1%', 'reorder-by': 10 },
    'to-server': { loss: '1%', delay: 2, jitter: 8 },
    tcp: { delay: 4 },
  },
  mobile: {
    about:
      'a telephone on a train: slow, with bursts, and a connection whose writes come in pieces',
    'to-client': { burst: '1%/15%/60%', delay: 45, jitter: 30, rate: '400K', queue: '128K' },
    'to-server': { loss: '2%', delay: 45, jitter: 30 },
    tcp: { delay: 60, rate: '200K', split: 536, gap: 1 },
  },
  satellite: {
    about: 'a quarter of a second each way, and little loss',
    'to-client': { delay: 250, loss: '0.5%', rate: '2M', queue: '512K' },
    'to-server': { delay: 250 },
    tcp: { delay: 250 },
  },
  'first-datagram': {
    about: 'the first part is lost once',
    'to-client': { rules: ['drop seq=0 times=1'] },
  },
  'last-datagram': {
    about: 'the last part is lost once',
    'to-client': { rules: ['drop seq=last times=1'] },
  },
  'every-third': {
    about: 'every third part is lost once',
    'to-client': { rules: ['drop every=3 times=1'] },
  },
  stubborn: {
    about: 'part 1 is lost five times, all others arrive: timers have to grow',
    'to-client': { rules: ['drop seq=1 times=5'] },
  },
  reorder: {
    about: 'one datagram of five comes late, so that others overtake it',
    'to-client': { reorder: '20%', 'reorder-by': 15 },
  },
  'duplicate-all': {
    about: 'everything arrives twice',
    'to-client': { duplicate: '100%' },
    'to-server': { duplicate: '100%' },
  },
  corrupt: {
    about: 'the colon of every fourth part is wrong once: it is no part any more',
    'to-client': { rules: ['corrupt at=4 every=4 times=1'] },
  },
  truncate: {
    about: 'every fourth part arrives cut short, once',
    'to-client': { rules: ['truncate to=100 every=4 times=1'] },
  },
  'slow-server': {
    about: 'the server answers late and sends little',
    'to-client': { rate: '50K', queue: '4M' },
    tcp: { delay: 300 },
  },
  'split-writes': {
    about: 'what is written on TCP arrives three bytes at a time',
    tcp: { split: 3, gap: 5 },
  },
  'glued-writes': {
    about: 'what is written on TCP within a tenth of a second arrives in one',
    tcp: { glue: 100 },
  },
  'broken-connection': {
    about: 'the TCP connection breaks when part 5 comes',
    tcp: { 'break-at': 'part 5' },
  },
};
