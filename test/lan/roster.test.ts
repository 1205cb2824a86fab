import { describe, expect, test } from 'vitest';
import { type Millis, millis } from '../../lib/core/brands.ts';
import { seededRandom } from '../../lib/core/random.ts';
import { FaultPlan } from '../../lib/lab/faults.ts';
import { SimulatedNetwork } from '../../lib/lab/simulated-network.ts';
import { GONE_AFTER, REPEAT, Roster, type RosterEffect } from '../../lib/lan/roster.ts';

interface Options {
  readonly copies?: number;
  readonly answersDiffer?: boolean;
  /** Of 100 datagrams. */
  readonly lost?: number;
  readonly seed?: number;
}

/** Peers on one LAN, in virtual time. */
class Lan {
  readonly network = new SimulatedNetwork(new FaultPlan({}, 0), millis(0));
  readonly hosts = new Map<string, Host>();
  readonly options: Required<Options>;
  readonly random: () => number;

  constructor(options: Options = {}) {
    this.options = { copies: 1, answersDiffer: true, lost: 0, seed: 1, ...options };
    this.random = seededRandom(this.options.seed);
  }

  /** A host comes after `delay`. */
  start(address: string, delay = 0, name = `name of ${address}`): Host {
    const host = new Host(this, address, name);
    this.network.schedule(millis(this.network.now + delay), () => {
      this.hosts.set(address, host);
      host.run(host.roster.greet(this.network.now));
    });
    return host;
  }

  run(span: number): void {
    const until = millis(this.network.now + span);
    // The clock stands where something happened last.
    this.network.schedule(until, () => undefined);
    this.network.run(until);
  }

  send(from: Host, word: 'hello' | 'answer' | 'bye', to: string | undefined): void {
    const targets = to === undefined ? [...this.hosts.keys()] : [to];
    from.sent += 1;
    for (const target of targets) {
      if (target === from.address || 100 * this.random() < this.options.lost) continue;
      this.network.schedule(millis(this.network.now + 1), () => {
        const host = this.hosts.get(target);
        host?.run(host.roster.heard(from.address, { word, name: from.name }, this.network.now));
      });
    }
  }
}

class Host {
  readonly lan: Lan;
  readonly address: string;
  readonly name: string;
  readonly roster: Roster;
  readonly log: string[] = [];
  sent = 0;
  gone = false;
  #alarm: Millis | undefined;

  constructor(lan: Lan, address: string, name: string) {
    this.lan = lan;
    this.address = address;
    this.name = name;
    const { copies, answersDiffer } = lan.options;
    this.roster = new Roster({ copies, answersDiffer, random: lan.random });
  }

  run(effects: readonly RosterEffect[]): void {
    if (this.gone) return;
    for (const effect of effects) {
      if (effect.type === 'say') this.lan.send(this, effect.word, effect.to);
      else this.log.push(`${effect.peer.name} ${effect.type}`);
    }
    const at = this.roster.nextTimeout();
    if (at === undefined || at === this.#alarm) return;
    this.#alarm = at;
    this.lan.network.schedule(at, () => {
      if (this.#alarm !== at) return;
      this.#alarm = undefined;
      this.run(this.roster.onTimeout(this.lan.network.now));
    });
  }

  leave(): void {
    this.run(this.roster.leave(this.lan.network.now));
  }

  /** Without a word. */
  die(): void {
    this.gone = true;
    this.lan.hosts.delete(this.address);
  }
}

const WIRES = [
  { copies: 1, answersDiffer: true },
  { copies: 5, answersDiffer: false },
];

describe.each(WIRES)('with $copies copies, answers that differ: $answersDiffer', (wire) => {
  test('a newcomer knows who is there, and is known, at once', () => {
    const lan = new Lan(wire);
    const [a, b] = [lan.start('a'), lan.start('b', 60_000 - 5000)];
    lan.run(55_500);
    expect(a.log).toEqual(['name of b came']);
    expect(b.log).toEqual(['name of a came']);
  });

  test.each([0, 3000])('100 that start within %i ms all know each other 3 s later', (span) => {
    const lan = new Lan({ ...wire, seed: span });
    const hosts = Array.from({ length: 100 }, (_, at) => lan.start(`${at}`, span * lan.random()));
    lan.run(span + 3000);
    for (const host of hosts) expect(host.roster.peers).toHaveLength(99);
    // No storm: less than one answer for each who came.
    const most = Math.max(...hosts.map(({ sent }) => sent));
    expect(most).toBeLessThan(span === 0 ? wire.copies * 6 : 95);
  });

  test('100 that have nothing to say are nearly silent', () => {
    const lan = new Lan(wire);
    const hosts = Array.from({ length: 100 }, (_, at) => lan.start(`${at}`, 1000 * lan.random()));
    lan.run(60_000);
    const before = hosts.map(({ sent }) => sent);
    lan.run(600_000);
    for (const [at, host] of hosts.entries()) {
      expect((host.sent - (before[at] ?? 0)) / 600).toBeLessThan(0.25);
      expect(host.log).toHaveLength(99);
    }
  });

  test('one that leaves is gone at once, one that dies after a while', () => {
    const lan = new Lan(wire);
    const [a, b, c] = [lan.start('a'), lan.start('b'), lan.start('c')];
    lan.run(2000);
    b.leave();
    lan.run(500);
    expect(a.roster.peers).toEqual([{ address: 'c', name: 'name of c' }]);
    c.die();
    lan.run(GONE_AFTER - REPEAT - 2600);
    expect(a.roster.peers).toHaveLength(1);
    lan.run(REPEAT + 10_000);
    expect(a.roster.peers).toEqual([]);
    expect(a.log).toEqual(['name of b came', 'name of c came', 'name of b left', 'name of c left']);
  });

  test.each([1500, 5000, 20_000])('one that is started again after %i ms is answered', (pause) => {
    const lan = new Lan(wire);
    const others = [lan.start('a'), lan.start('b'), lan.start('c')];
    const first = lan.start('d', 1000);
    lan.run(3000);
    first.die();
    const second = lan.start('d', pause);
    lan.run(pause + 1000);
    expect(second.roster.peers).toHaveLength(3);
    for (const host of others) expect(host.roster.peers).toHaveLength(3);
  });

  test.each([10, 300, 900])(
    'one that is started again after %i ms is answered a little later',
    (pause) => {
      const lan = new Lan(wire);
      const others = [lan.start('a'), lan.start('b'), lan.start('c')];
      const first = lan.start('d', 1000);
      lan.run(1050);
      first.die();
      const second = lan.start('d', pause);
      lan.run(pause + 2500);
      expect(second.roster.peers).toHaveLength(3);
      for (const host of others) expect(host.roster.peers).toHaveLength(3);
    },
  );

  test('another name is noticed', () => {
    const lan = new Lan(wire);
    const a = lan.start('a');
    lan.start('b');
    lan.run(1000);
    lan.hosts.get('b')?.die();
    lan.start('b', 1500, 'new');
    lan.run(3000);
    expect(a.roster.peers).toEqual([{ address: 'b', name: 'new' }]);
    expect(a.log).toEqual(['name of b came', 'new renamed']);
  });

  test.each([1, 2, 3])('where some are lost all are found before long: seed %i', (seed) => {
    const lan = new Lan({ ...wire, lost: wire.copies === 1 ? 2 : 30, seed });
    const hosts = Array.from({ length: 20 }, (_, at) => lan.start(`${at}`, 3000 * lan.random()));
    lan.run(3 * REPEAT);
    for (const host of hosts) expect(host.roster.peers).toHaveLength(19);
  });
});

test('one who greets all the time is not answered all the time', () => {
  const lan = new Lan();
  const a = lan.start('a');
  lan.run(1000);
  const before = a.sent;
  for (let count = 0; count < 1000; count += 1) {
    a.run(a.roster.heard('x', { word: 'hello', name: `${count}` }, lan.network.now));
    lan.run(10);
  }
  expect(a.sent - before).toBeLessThan(12);
  expect(a.roster.peers).toHaveLength(1);
});

test('who says to be somebody else is found out', () => {
  const roster = new Roster({ copies: 1, answersDiffer: true, random: () => 0 });
  expect(roster.whyNot('10.0.0.1', 'ann')).toBeUndefined();
  roster.heard('10.0.0.1', { word: 'hello', name: 'ann' }, millis(0));
  expect(roster.whyNot('10.0.0.1', 'ann')).toBeUndefined();
  expect(roster.whyNot('10.0.0.1', 'bob')).toBe('10.0.0.1 is ann, and not bob');
  expect(roster.whyNot('10.0.0.2', 'ann')).toBe('ann is at 10.0.0.1, and not at 10.0.0.2');
  expect(roster.whyNot('10.0.0.2', 'bob')).toBeUndefined();
  // Two may have one name, once both have said so to everybody.
  roster.heard('10.0.0.2', { word: 'hello', name: 'ann' }, millis(1));
  expect(roster.whyNot('10.0.0.2', 'ann')).toBeUndefined();
});

test('what was on its way before a goodbye brings nobody back; who comes again is told to all', () => {
  const roster = new Roster({ copies: 1, answersDiffer: true, random: () => 0 });
  const hear = (word: 'hello' | 'answer' | 'bye', at: number, direct: boolean) =>
    roster.heard('10.0.0.1', { word, name: 'ann' }, millis(at), direct);
  expect(hear('hello', 0, false)).toMatchObject([{ type: 'came' }]);
  expect(hear('bye', 1000, false)).toMatchObject([{ type: 'left' }]);
  expect(hear('answer', 1001, true)).toEqual([]);
  expect(roster.peers).toEqual([]);
  expect(hear('hello', 1200, false)).toMatchObject([{ type: 'came' }]);
  expect(hear('answer', 1201, true)).toEqual([]);
  expect(hear('bye', 2000, false)).toMatchObject([{ type: 'left' }]);
  // Much later it is not late: its greeting to all was lost.
  expect(hear('answer', 13_000, true)).toMatchObject([{ type: 'came' }]);
});
