/** Both LAN protocols on several hosts, with the addresses and ports that they have by themselves. */
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeFile, sha256 } from '../../bench/processes.ts';
import { until, untilSteady } from '../net/waiting.ts';
import {
  type Host,
  Lan,
  LansharePerson,
  PATIENCE_MS,
  type Person,
  SentPerson,
  whyNoHosts,
} from '../support/lan-namespaces.ts';
import { isLong } from '../support/long.ts';
import type { Program } from './programs.ts';

const missing = whyNoHosts();
if (missing !== undefined) console.warn(`Left out: hosts on a LAN. They need ${missing}.`);

const FILM = 'film.bin';
/** More than what systems buffer: when a quarter has come, the sender still sends. */
const BYTES = 16_000_000;
/** So slow that a transfer can be cut off: it takes 4 s. */
const SLOW_MBITS = 32;

const ANN = '10.77.0.2';
/** So soon somebody who has come is seen: long before he greets again. */
const SOON_MS = 10_000;

const PROTOCOLS = [
  ['sent', SentPerson],
  ['lanshare', LansharePerson],
] as const;

/** How many bytes of it he has, under whatever name. */
function sizeOfFilm({ host }: Person): number {
  const paths = [`${FILM}.part`, FILM].map((file) => join(host.folder, file));
  const [found] = paths.flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? []);
  return found?.size ?? 0;
}

/** Lets programs believe that it is another time; the clock of the machine is not touched. */
function clockOffBy(years: number): NodeJS.ProcessEnv {
  const script = `
    const by = ${years} * 31_556_952_000;
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...args) {
        if (args.length === 0) super(RealDate.now() + by);
        else super(...args);
      }
      static now() {
        return RealDate.now() + by;
      }
    };
    const timeOrigin = performance.timeOrigin + by;
    Object.defineProperty(performance, 'timeOrigin', { value: timeOrigin });`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
}

describe.skipIf(missing !== undefined).each(PROTOCOLS)('%s', (_, PersonWith) => {
  let lan: Lan;
  let ann: Person;
  /** At her host. */
  let film: string;

  // To start a program takes longer than what it does here: she stays for all tests.
  beforeAll(async () => {
    lan = await Lan.make();
    ann = await start('ann', await lan.host('ann', ANN));
    film = join(ann.host.folder, FILM);
    await makeFile(film, BYTES);
  });

  afterAll(async () => {
    await lan?.[Symbol.asyncDispose]();
  });

  async function start(name: string, host: Host, env?: NodeJS.ProcessEnv): Promise<Person> {
    const person = new PersonWith(name, host, env);
    await person.isThere();
    return person;
  }

  /** Somebody who sees ann, and whom she sees if she does not know of him. */
  async function settle(
    name: string,
    host: Host,
    options: { readonly known?: boolean; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<Person> {
    const person = await start(name, host, options.env);
    await person.sees('ann', ANN, SOON_MS);
    if (options.known !== true) await ann.sees(name, host.address, SOON_MS);
    return person;
  }

  /** @param wanted the address of `to`, or his name. */
  async function handOver(
    from: Person,
    to: Person,
    wanted: string = to.host.address,
  ): Promise<void> {
    from.offer(film, wanted);
    await to.accept();
    const [path] = await Promise.all([to.hasReceived(), from.hasSent(to.name)]);
    expect(await sha256(path)).toBe(await sha256(film));
  }

  /** Resolves when a quarter of it has come. */
  async function handOverSome(to: Person): Promise<void> {
    await to.host.limit(SLOW_MBITS);
    ann.offer(film, to.host.address);
    await to.accept();
    await until('some of the file', () => sizeOfFilm(to) >= BYTES / 4, PATIENCE_MS);
  }

  /** He was killed when he had some of it, and is there again. */
  async function handOverRest(to: Person): Promise<void> {
    await to.host.limit();
    const before = await to.host.bytesReceived();
    await handOver(ann, to);
    expect((await to.host.bytesReceived()) - before).toBeLessThan(BYTES);
    expect(await readdir(to.host.folder)).toEqual([FILM]);
  }

  test('three hosts find each other, and a file goes from one to two of one name', async () => {
    const hosts = [await lan.host('b1', '10.77.0.3'), await lan.host('b2', '10.77.0.4')] as const;
    const bobs = await Promise.all([settle('bob', hosts[0]), settle('bob', hosts[1])]);
    await using one = bobs[0];
    await using other = bobs[1];
    await Promise.all([one.sees('bob', '10.77.0.4'), other.sees('bob', '10.77.0.3')]);
    // In a row: a session does one thing after the other.
    for (const bob of bobs) await handOver(ann, bob);
    for (const { folder } of hosts) expect(await readdir(folder)).toEqual([FILM]);
    await one.leave();
    await Promise.all([ann.misses('bob', '10.77.0.3'), other.misses('bob', '10.77.0.3')]);
  });

  test('a cable that is out for a moment only delays; a host that is gone is told', async () => {
    const host = await lan.host('dan', '10.77.0.5');
    await using dan = await settle('dan', host);
    await handOverSome(dan);
    await host.unplug();
    await untilSteady('silence', () => sizeOfFilm(dan));
    const size = sizeOfFilm(dan);
    await host.plug();
    await until('more of the file', () => sizeOfFilm(dan) > size, PATIENCE_MS);
    await host.unplug();
    await dan.die();
    expect(await readdir(host.folder)).not.toContain(FILM);
    await host.plug();
    expect(await ann.hasFailed('dan')).toMatch(/^the receiver has closed the connection/);
    await using again = await settle('dan', host, { known: true });
    await handOverRest(again);
  });

  const moves = isLong || PersonWith === SentPerson;
  test.runIf(moves)('a host that comes back with another address is found there', async () => {
    const host = await lan.host('eve', '10.77.0.6');
    await using eve = await settle('eve', host);
    await eve.leave();
    await ann.misses('eve', '10.77.0.6');
    await host.move('10.77.0.66');
    await using second = await settle('eve', host);
    await handOver(ann, second, ann instanceof SentPerson ? 'eve' : host.address);
    // Now without a goodbye, which comes from the new address: of the old one nobody has heard it.
    await host.move('10.77.0.67');
    await second.leave();
    await using third = await settle('eve', host);
    if (ann instanceof SentPerson) {
      ann.offer(film, 'eve');
      expect(await ann.complaint()).toBe('several are called eve: say 10.77.0.66 or 10.77.0.67');
    }
    await handOver(ann, third);
    expect((await readdir(host.folder)).sort()).toEqual(['film (1).bin', 'film.bin']);
  });

  // In sent nobody can be made to greet again.
  test.runIf(PersonWith === LansharePerson)(
    'a host that gets another address does not see itself there',
    async () => {
      const host = await lan.host('gil', '10.77.0.10');
      await using gil = await settle('gil', host);
      await host.move('10.77.0.110');
      // To be told who is there it greets.
      await gil.everybody();
      await ann.sees('gil', '10.77.0.110', SOON_MS);
      expect(await gil.everybody()).not.toContain('gil 10.77.0.110');
    },
  );

  // What they share is tried with one of them.
  test.runIf(PersonWith === SentPerson)('wrong clocks are in nobody’s way', async () => {
    const host = await lan.host('fay', '10.77.0.7');
    const [early, late] = [clockOffBy(-25), clockOffBy(40)];
    const year = host.start([process.execPath, '-p', 'new Date().getFullYear()'], early);
    expect(Number((await year.exit).stdout)).toBeLessThan(new Date().getFullYear() - 20);
    await using fay = await settle('fay', host, { env: early });
    await handOverSome(fay);
    await fay.die();
    await ann.hasFailed('fay');
    await using again = await settle('fay', host, { env: late, known: true });
    await handOverRest(again);
    await handOver(again, ann);
  });

  test.runIf(PersonWith === LansharePerson)(
    'a host on two networks is seen on both, and does not see itself',
    async () => {
      await using far = await start('far', await lan.host('far', '10.78.0.8'));
      await using mid = await start('mid', await lan.host('mid', '10.77.0.9', '10.78.0.9'));
      await Promise.all([
        ann.sees('mid', '10.77.0.9', SOON_MS),
        far.sees('mid', '10.78.0.9', SOON_MS),
        mid.sees('ann', ANN, SOON_MS),
        mid.sees('far', '10.78.0.8', SOON_MS),
      ]);
      for (const one of [ann, far]) await handOver(mid, one);
      await handOver(far, mid, '10.78.0.9');
      expect(await mid.everybody()).toEqual([`ann ${ANN}`, 'far 10.78.0.8']);
      expect(await far.everybody()).toEqual(['mid 10.78.0.9']);
      expect(await ann.everybody()).not.toContainEqual(expect.stringMatching(/^(ann|far) /));
    },
  );
});

test.skipIf(missing !== undefined)(
  'sent: list, send and receive, by name and by address',
  async () => {
    await using lan = await Lan.make();
    const host = await lan.host('ann', ANN);
    const film = join(host.folder, FILM);
    await makeFile(film, BYTES);
    const wirelab = (...args: readonly string[]) =>
      host.wirelab(['sent', ...args, '--name', 'ann']).exit;
    const receive = async (name: string, address: string): Promise<Program> => {
      const at = await lan.host(address, address);
      const flags = ['--name', name, '--accept', 'all', '--to', at.folder, '--once'];
      const program = at.wirelab(['sent', 'receive', ...flags]);
      await program.waitFor(new RegExp(`${name} is there`));
      return program;
    };
    const [one, two, cy] = await Promise.all([
      receive('bob', '10.77.0.3'),
      receive('bob', '10.77.0.4'),
      receive('cy', '10.77.0.5'),
    ]);
    const stdout = 'bob\t10.77.0.3\nbob\t10.77.0.4\ncy\t10.77.0.5\n';
    expect(await wirelab('list')).toMatchObject({ stdout, status: 0 });
    const unclear = await wirelab('send', film, 'bob');
    expect(unclear.stderr).toMatch(/^error: several are called bob: say \S+ or \S+\n$/);
    for (const address of ['10.77.0.3', '10.77.0.4']) expect(unclear.stderr).toContain(address);
    expect(unclear.status).toBe(1);
    const sent = await wirelab('send', film, '10.77.0.4', 'cy');
    // Whoever is named by address may not have said his name yet.
    expect(sent.stderr).toMatch(/^(bob|10\.77\.0\.4) has it\.$/m);
    expect(sent.stderr).toContain('cy has it.\n');
    expect(sent.status).toBe(0);
    for (const { exit } of [two, cy]) {
      const { status, stdout: path } = await exit;
      expect(status).toBe(0);
      expect(await sha256(path.trim())).toBe(await sha256(film));
    }
    one.kill('SIGTERM');
    expect(await one.exit).toMatchObject({ stdout: '', status: 0 });
  },
);
