import type { Program } from '../../app/programs.ts';
import { end, numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
const PARTS = 10;
const HOSTS = ['ann', 'bob', 'cy'];
/** A file that is offered has its path on the wire: this one says nothing of the machine. */
const ANN = '127.0.0.2';

export const LAN: readonly Recipe[] = [
  {
    samples: [
      { name: 'sent', shows: 'presence, and a file for two, of whom one wants it, at the sender' },
    ],
    make: (at) => sent(at('sent')),
  },
  {
    samples: [
      {
        name: 'lanshare',
        shows: 'presence, messages, and a file for two, of whom one wants it, at the sender',
      },
    ],
    make: (at) => lanshare(at('lanshare')),
  },
];

/** The flags of one of three peers on this machine, each with an address of its own. */
export function peer(nameFlag: string, name: string): string[] {
  const address = `127.0.0.${2 + HOSTS.indexOf(name)}`;
  return [nameFlag, name, '--ip', address, '--broadcast', '127.255.255.255'];
}

async function sent(file: string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(PARTS) });
  const receive = async (name: string, accept: string): Promise<Program> => {
    const to = ['--to', `of-${name}`, '--accept', accept];
    const program = play.start('sent', 'receive', ...to, ...peer('--name', name));
    await program.waitFor(new RegExp(`^${name} is there`, 'm'));
    return program;
  };
  const [bob, cy] = [await receive('bob', 'all'), await receive('cy', 'none')];
  const to = ['bob', 'cy', ...peer('--name', 'ann'), '--capture', file];
  await play.run(1, 'sent', 'send', FILE, ...to);
  for (const program of [bob, cy]) await end(program);
}

/** An engine with its front end in between: what it is told, and what it says. */
export class Engine {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  static async start(play: Play, name: string, ...flags: readonly string[]): Promise<Engine> {
    const who = peer('--username', name);
    const program = play.start('lanshare', 'engine', ...who, ...flags);
    const engine = new Engine(program);
    await engine.hears({ content: 'ready' });
    return engine;
  }

  say(command: object): void {
    this.program.enter(JSON.stringify(command));
  }

  /** An event with these fields. */
  async hears(fields: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(fields).map(([key, value]) => `(?=.*"${key}":"${value}")`);
    await this.program.waitFor(new RegExp(`^${pairs.join('')}.*$`, 'm'));
  }

  async quit(): Promise<void> {
    this.program.endInput();
    await this.program.exit;
  }
}

async function lanshare(file: string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(PARTS) });
  await play.makeFolder('of-bob');
  const bob = await Engine.start(play, 'bob');
  const cy = await Engine.start(play, 'cy');
  const ann = await Engine.start(play, 'ann', '--capture', file);
  const [atBob, atCy] = [{ ip: '127.0.0.3' }, { ip: '127.0.0.4' }];
  for (const username of ['bob', 'cy']) await ann.hears({ stat: 'online', username });
  for (const one of [bob, cy]) await one.hears({ stat: 'online', username: 'ann' });
  ann.say({ stat: 'cmsg', ...atBob, to: 'bob', msg: 'Do you want the story?' });
  await bob.hears({ stat: 'rmsg', person: 'ann' });
  bob.say({ stat: 'cmsg', ip: ANN, to: 'ann', msg: 'Yes. Ask cy, too.' });
  await ann.hears({ stat: 'rmsg', person: 'bob' });
  for (const at of [atBob, atCy]) ann.say({ stat: 'creq', ...at, dir: FILE });
  await Promise.all([bob, cy].map((one) => one.hears({ stat: 'rreq', fileName: FILE })));
  bob.say({ stat: 'cacp', ip: ANN, dir: FILE, dest: 'of-bob' });
  cy.say({ stat: 'crej', ip: ANN, dir: FILE });
  await Promise.all([ann.hears({ stat: 'dprg' }), ann.hears({ stat: 'rrej' })]);
  await bob.hears({ stat: 'dprg' });
  for (const one of [cy, bob, ann]) await one.quit();
}
