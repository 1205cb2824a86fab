import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Actor } from './actor.ts';
import { Stage, sha256 } from './demo-stage.ts';
import { packagedFiles } from './package-files.ts';

/** Up to six programs start. */
const TIME_LIMIT_MS = 30_000;
const PICTURE = 'picture.png';

/** Three peers find each other; one offers a picture to the others, of whom one is asked. @param extra flags for ann */
export function demoSent(extra: readonly string[]): Promise<void> {
  const options = { limit: TIME_LIMIT_MS, extra: ['ann', extra] as const };
  return Stage.run(async (stage) => {
    const lan = await makeLan(stage, '--name');
    const bob = stage.act('bob', [
      ...['sent', 'receive', '--accept', 'all', '--once', '--to', lan.inboxOf('bob')],
      ...lan.flagsOf('bob'),
    ]);
    const cy = stage.act('cy', ['sent', '--to', lan.inboxOf('cy'), ...lan.flagsOf('cy')]);
    await Promise.all([bob.expect(/^bob is there/), cy.expect(/^cy is there/, /^bob .* is there/)]);
    stage.say('ann comes, and offers a picture to both');
    const send = ['sent', 'send', lan.picture, 'bob', 'cy', ...lan.flagsOf('ann')];
    const ann = stage.act('ann', send);
    await cy.expect(/^ann .* offers picture\.png .* Take it\?/);
    cy.type('yes');
    await ann.expect(/^bob has it/, /^cy has it/);
    await cy.expect(/^Saved as /);
    await lan.compare();
    await expectDone(ann, bob);
    cy.type('quit');
    await expectDone(cy);
  }, options);
}

/** Three messengers find each other, write, and send a picture; each has an engine of its own. @param extra flags for ann */
export function demoLanshare(extra: readonly string[]): Promise<void> {
  const options = { limit: TIME_LIMIT_MS, extra: ['ann', extra] as const };
  return Stage.run(async (stage) => {
    const lan = await makeLan(stage, '--username');
    const chat = (name: string): Actor =>
      stage.act(name, ['lanshare', 'chat', '--to', lan.inboxOf(name), ...lan.flagsOf(name)]);
    const [ann, bob, cy] = [chat('ann'), chat('bob'), chat('cy')];
    await Promise.all([
      ann.expect(/^bob .* is there/, /^cy .* is there/),
      bob.expect(/^ann .* is there/, /^cy .* is there/),
      cy.expect(/^ann .* is there/, /^bob .* is there/),
    ]);
    ann.type('msg bob Do you want the picture?');
    await bob.expect(/^<ann> Do you want the picture\?$/);
    bob.type('msg ann Yes, and cy does, too.');
    await ann.expect(/^<bob> Yes, and cy does, too\.$/);
    ann.type(`send "${lan.picture}" bob cy`);
    await Promise.all(
      [bob, cy].map(async (reader) => {
        await reader.expect(/^ann .* offers picture\.png .* Take it\?/);
        reader.type('yes');
        await reader.expect(/^Saved as /);
      }),
    );
    await ann.expect(/^picture\.png to bob: done/, /^picture\.png to cy: done/);
    await lan.compare();
    for (const actor of [ann, bob, cy]) actor.type('quit');
    await expectDone(ann, bob, cy);
  }, options);
}

/** Three peers on this machine, each with an address of its own; the ports are their own, too. */
async function makeLan(stage: Stage, nameFlag: string) {
  const [udpPort, tcpPort, dataPort] = [0, 3000, 6000].map(
    (base) => 22_000 + base + randomInt(3000),
  );
  const hosts = ['ann', 'bob', 'cy'];
  const inboxOf = (name: string): string => join(stage.folder, name);
  for (const name of hosts) await mkdir(inboxOf(name));
  const picture = join(packagedFiles(), PICTURE);
  return {
    picture,
    inboxOf,
    flagsOf: (name: string): string[] => [
      ...[nameFlag, name, '--ip', `127.0.0.${2 + hosts.indexOf(name)}`],
      ...['--broadcast', '127.255.255.255'],
      ...['--udp-port', String(udpPort), '--tcp-port', String(tcpPort)],
      ...(nameFlag === '--username' ? ['--data-port', String(dataPort)] : []),
    ],
    /** @throws Error when what bob and cy have is another picture. */
    compare: async (): Promise<void> => {
      const sent = await sha256(picture);
      stage.say(`SHA-256 of the picture at ann: ${sent}`);
      for (const name of ['bob', 'cy']) {
        const received = await sha256(join(inboxOf(name), PICTURE));
        stage.say(`SHA-256 of the picture at ${`${name}:`.padEnd(4)} ${received}`);
        if (received !== sent) throw new Error('the pictures differ');
      }
    },
  };
}

async function expectDone(...actors: readonly Actor[]): Promise<void> {
  for (const actor of actors) {
    const status = await actor.ended;
    if (status !== 0) throw new Error(`${actor.name} should have ended with status 0: ${status}`);
  }
}
