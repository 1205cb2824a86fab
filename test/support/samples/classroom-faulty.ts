import { until } from '../../net/waiting.ts';
import { encodeDatagram, PART_BYTES, startReferenceServer } from '../reference-server.ts';
import { numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
const PARTS = 20;
/** It is sent while the first half is, and then no more. */
const EARLY = 12;
/** It is sent twice. */
const TWICE = 6;
/** It never comes, however often it is asked for. */
const NEVER = 15;
const PATIENCE = 3;

export const CLASSROOM_FAULTY: Recipe = {
  samples: [{ name: 'classroom-faulty', shows: 'a server with four faults, at the client' }],
  make,
};

async function make(at: (name: string) => string): Promise<void> {
  const bytes = numberedParts(PARTS);
  const part = (seq: number): Buffer =>
    encodeDatagram(seq, bytes.subarray(seq * PART_BYTES, (seq + 1) * PART_BYTES));
  const server = await startReferenceServer({
    files: new Map([[FILE, bytes]]),
    framing: 'line',
    drop: (seq) => seq === EARLY || seq === NEVER,
    hooks: {
      datagram: (datagram, seq) => {
        if (seq === 4) return [datagram, part(EARLY)];
        if (seq === TWICE) return [datagram, datagram];
        // The parts are numbered from 0: there is none of this number.
        return seq === 8 ? [datagram, encodeDatagram(PARTS, bytes.subarray(0, 1000))] : [datagram];
      },
    },
  });
  try {
    await using play = await Play.begin();
    const to = ['--port', String(server.port), '--name', 'ann', '--yes', '--document'];
    const client = play.start('get', FILE, ...to, '--capture', at('classroom-faulty'));
    const asked = (): number => server.received.filter((text) => text === String(NEVER)).length;
    await until('several re-requests', () => asked() === PATIENCE);
    // As Ctrl-C does: it says 'stop', and leaves.
    client.kill('SIGINT');
    await client.exit;
  } finally {
    await server.close();
  }
}
