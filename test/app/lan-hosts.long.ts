import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFile, sha256 } from '../../bench/processes.ts';
import { until } from '../net/waiting.ts';
import {
  type Host,
  Lan,
  LansharePerson,
  PATIENCE_MS,
  type Person,
  SentPerson,
  whyNoHosts,
} from '../support/lan-namespaces.ts';

const missing = whyNoHosts();
if (missing !== undefined) console.warn(`Left out: hosts on a LAN. They need ${missing}.`);

/** More than what systems buffer: the sender notices that it is not taken. */
const BYTES = 32_000_000;
const SOME_BYTES = 2_000_000;
/** So slow that neither of two is whole when there is some of both. */
const SLOW_MBITS = 40;
/** For what the protocols do after 30 and 90 s. */
const REPEAT_MS = 30_000;
const GONE_MS = 90_000;
const MARGIN_MS = 5000;
/** TCP tries again no later than this. */
const RETRANSMISSION_MS = 120_000;

const [ANN, BOB, CY] = ['10.77.0.2', '10.77.0.3', '10.77.0.4'];

/** Who uses one of the protocols, and the file that goes from ann to bob. */
interface Circle {
  readonly ann: Person;
  readonly bob: Person;
  readonly cy: Person;
  readonly file: string;
}

async function gather(
  PersonWith: typeof SentPerson | typeof LansharePerson,
  hosts: readonly [Host, Host, Host],
  file: string,
): Promise<Circle> {
  const ann = new PersonWith('ann', hosts[0]);
  const bob = new PersonWith('bob', hosts[1]);
  const cy = new PersonWith('cy', hosts[2]);
  await Promise.all([ann.isThere(), bob.isThere(), cy.isThere()]);
  await Promise.all([ann.sees('bob', BOB), bob.sees('ann', ANN)]);
  await Promise.all([cy.sees('bob', BOB), bob.sees('cy', CY)]);
  await makeFile(join(ann.host.folder, file), BYTES);
  return { ann, bob, cy, file };
}

async function handOverSome({ ann, bob, file }: Circle): Promise<void> {
  ann.offer(join(ann.host.folder, file), BOB);
  await bob.accept();
  const part = join(bob.host.folder, `${file}.part`);
  const size = async () => (await stat(part).catch(() => undefined))?.size ?? 0;
  await until('some of the file', async () => (await size()) >= SOME_BYTES, PATIENCE_MS);
}

async function handOverRest({ ann, bob, file }: Circle): Promise<void> {
  const original = join(ann.host.folder, file);
  ann.offer(original, BOB);
  await bob.accept();
  const [path] = await Promise.all([bob.hasReceived(), ann.hasSent('bob')]);
  expect(await sha256(path)).toBe(await sha256(original));
}

test.skipIf(missing !== undefined)(
  'a host whose cable stays out is gone after 90 s; when it is back, so is everything',
  async () => {
    await using lan = await Lan.make();
    const hosts = [
      await lan.host('ann', ANN),
      await lan.host('bob', BOB),
      await lan.host('cy', CY),
    ] as const;
    const [, cutOff] = hosts;
    // Both at once: it takes long.
    const circles = await Promise.all([
      gather(SentPerson, hosts, 'by-sent.bin'),
      gather(LansharePerson, hosts, 'by-lanshare.bin'),
    ]);
    await cutOff.limit(SLOW_MBITS);
    await Promise.all(circles.map(handOverSome));
    await cutOff.unplug();
    const began = performance.now();
    const elapsed = (): number => performance.now() - began;
    const isGone = async (person: Person, name: string, address: string): Promise<void> => {
      await person.misses(name, address, GONE_MS + MARGIN_MS);
      // What was heard last may have been as old as the next one would have been.
      expect(elapsed()).toBeGreaterThan(GONE_MS - REPEAT_MS - MARGIN_MS);
      expect(elapsed()).toBeLessThan(GONE_MS + MARGIN_MS);
    };
    await Promise.all(
      circles.flatMap(({ ann, bob, cy }) => [
        isGone(ann, 'bob', BOB),
        isGone(cy, 'bob', BOB),
        isGone(bob, 'ann', ANN),
        isGone(bob, 'cy', CY),
        bob.hasFailed('ann', GONE_MS),
      ]),
    );
    const kept = (await readdir(cutOff.folder)).filter((name) => !name.endsWith('.note'));
    expect(kept.sort()).toEqual(['by-lanshare.bin.part', 'by-sent.bin.part']);
    await cutOff.plug();
    await cutOff.limit();
    await Promise.all(
      circles.map(async ({ ann, bob, cy }) => {
        const limit = REPEAT_MS + MARGIN_MS;
        await Promise.all([ann.sees('bob', BOB, limit), bob.sees('ann', ANN, limit)]);
        await Promise.all([cy.sees('bob', BOB, limit), bob.sees('cy', CY, limit)]);
        expect(await bob.everybody()).toEqual(expect.arrayContaining([`ann ${ANN}`, `cy ${CY}`]));
        // His system does not know the connection any more, and says so.
        expect(await ann.hasFailed('bob', RETRANSMISSION_MS + MARGIN_MS)).not.toBe('');
      }),
    );
    const before = await cutOff.bytesReceived();
    await Promise.all(circles.map(handOverRest));
    expect((await cutOff.bytesReceived()) - before).toBeLessThan(2 * BYTES);
    expect((await readdir(cutOff.folder)).sort()).toEqual(['by-lanshare.bin', 'by-sent.bin']);
  },
);
