import { setTimeout as delay } from 'node:timers/promises';
import { type Millis, millis } from '../../../lib/core/brands.ts';
import type { Fate } from '../../../lib/lab/faults.ts';
import type { Program } from '../../app/programs.ts';
import { RawPeer } from '../../net/raw-peer.ts';
import { lossyLink } from '../lossy-link.ts';
import { numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
const PARTS = 24;
/** Somebody thinks about the question at 50 %. */
const THINKS: Millis = millis(1200);
const ARRIVES: Fate = [{ delay: millis(0) }];
const LATE: Fate = [{ delay: millis(20) }];

/** The n-th sending of each part: lost, doubled, late. */
function lossy(seq: number, nth: number): Fate {
  if ((seq === 0 || seq === 23) && nth === 1) return [];
  if (seq === 7 && nth <= 2) return [];
  if (seq === 5) return [...ARRIVES, ...ARRIVES];
  return seq === 14 ? LATE : ARRIVES;
}

export const CLASSROOM: readonly Recipe[] = [
  {
    samples: [
      { name: 'classroom-clean', shows: 'a download without losses, with a pause at 50 %' },
    ],
    make: clean,
  },
  {
    samples: [
      { name: 'classroom-loss', shows: 'a download over a path with losses, at the client' },
      { name: 'classroom-loss-server', shows: 'the same download, at the server' },
    ],
    make: (at) =>
      download({
        server: ['--capture', at('classroom-loss-server')],
        client: ['--document', '--capture', at('classroom-loss')],
        fateOf: lossy,
      }),
  },
  {
    samples: [{ name: 'classroom-timer', shows: 'one part is lost four times' }],
    make: (at) =>
      download({
        parts: 6,
        client: ['--document', '--capture', at('classroom-timer')],
        fateOf: (seq, nth) => (seq === 1 && nth <= 4 ? [] : ARRIVES),
      }),
  },
  {
    samples: [{ name: 'classroom-bare', shows: 'a client without line ends' }],
    make: (at) => download({ client: ['--document', '--bare', '--capture', at('classroom-bare')] }),
  },
  {
    samples: [{ name: 'classroom-ipv6', shows: 'a download over IPv6' }],
    make: (at) =>
      download({ host: '::1', client: ['--document', '--capture', at('classroom-ipv6')] }),
  },
  {
    samples: [
      { name: 'classroom-fast-loss', shows: 'the fast profile with losses, at the client' },
      { name: 'classroom-fast-loss-server', shows: 'the same download, at the server' },
    ],
    make: (at) =>
      download({
        server: ['--capture', at('classroom-fast-loss-server')],
        client: ['--mtu', '1500', '--capture', at('classroom-fast-loss')],
        fateOf: (seq, nth) => (seq % 10 === 3 && nth === 1 ? [] : ARRIVES),
      }),
  },
  {
    samples: [
      {
        name: 'classroom-chat',
        shows: 'two clients talk, and a third one types by hand, at the server',
      },
    ],
    make: chat,
  },
];

/** A person at the client; the server is asked for a list first. */
async function clean(at: (name: string) => string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(PARTS) });
  const server = await play.serve('127.0.0.1');
  const ann = await chatter(play, 'ann', server.port, '--capture', at('classroom-clean'));
  ann.enter('get_list_file');
  await ann.waitFor(/^files: \[.*\]$/m);
  ann.enter('download', FILE);
  await ann.waitFor(/download reached 50%/);
  await delay(THINKS);
  ann.enter('proceed');
  await ann.waitFor(/New file name/);
  ann.enter('copy.txt');
  await ann.waitFor(/^Saved as /m);
  await leave(ann);
  await server.stop();
}

interface Download {
  readonly host?: string;
  readonly parts?: number;
  readonly server?: readonly string[];
  readonly client: readonly string[];
  /** What becomes of the datagrams, where the path has faults. */
  readonly fateOf?: (seq: number, nth: number) => Fate;
}

async function download({
  host = '127.0.0.1',
  parts = PARTS,
  server: flags = [],
  client,
  fateOf,
}: Download) {
  await using play = await Play.begin({ [FILE]: numberedParts(parts) });
  const server = await play.serve(host, ...flags);
  await using link = fateOf && (await lossyLink(server.port, fateOf));
  const to = ['--server', host, '--port', String(link?.port ?? server.port)];
  await play.run(0, 'get', FILE, ...to, '--name', 'ann', '--yes', '--out', 'copy.txt', ...client);
  await server.stop();
}

/** A client that is online, and reads what it is to say. */
async function chatter(play: Play, name: string, port: number, ...flags: readonly string[]) {
  const route = ['--from', '127.0.0.1', '--server', '127.0.0.1', '--port', String(port)];
  const client = play.start('chat', ...route, '--name', name, '--document', ...flags);
  await client.waitFor(/^connected$/m);
  return client;
}

async function leave(client: Program): Promise<void> {
  client.enter('disconnect');
  await client.waitFor(/^disconnected$/m);
  client.endInput();
  await client.exit;
}

async function chat(at: (name: string) => string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(4) });
  const server = await play.serve('127.0.0.1', '--capture', at('classroom-chat'));
  const alice = await chatter(play, 'alice', server.port);
  const bob = await chatter(play, 'bob', server.port);
  alice.enter('Hello, who is here?', '');
  await bob.waitFor(/^alice \(to all\): Hello, who is here\?$/m);
  bob.enter('I am.', 'alice');
  await alice.waitFor(/^bob: I am\.$/m);
  alice.enter('Are you there, too?', 'dora');
  await alice.waitFor(/dora is not online/);
  bob.enter('get_users');
  await bob.waitFor(/^users: \[alice, bob\]$/m);
  bob.enter('download', 'novel.txt');
  await bob.waitFor(/File not found/);
  await typeByHand(server.port);
  await leave(bob);
  await alice.waitFor(/^bob is disconnected$/m);
  await server.stop();
  await alice.waitFor(/server is closing|connection/);
}

/** Whoever has no client can still take part, or get it wrong. */
async function typeByHand(port: number): Promise<void> {
  using carol = await RawPeer.open(port);
  for (const [line, answer] of [
    ['msg_all|Anybody?', 'Need to log in'],
    ['connect|bob', 'Name is taken'],
    ['connect|carol', 'carol is connected\nconnected'],
    ['dance', 'Unknown command'],
    ['msg_all|I type by hand.', 'carol (to all)'],
    ['disconnect', 'disconnected'],
  ] as const) {
    await carol.write(`${line}\n`);
    await carol.untilText(answer);
  }
  await carol.untilEnded();
}
