/** Peers written from the document alone, in Python, against ours. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import {
  encodeFeedback,
  MAX_FEEDBACK_BYTES,
  NOTHING_YET,
} from '../../lib/udp-reliable/feedback.ts';
import { CLIENT, start } from '../app/programs.ts';
import { RawPeer } from '../net/raw-peer.ts';
import { until } from '../net/waiting.ts';
import { hasPython, PYTHON, PYTHON_FLAGS } from '../support/python.ts';
import { startServer, temporaryFolder } from '../support/server-under-test.ts';

if (!hasPython) {
  console.warn(
    'Left out: the peers in Python. They need python3 (Debian: apt-get install python3).',
  );
}

const BYTES = Buffer.from(
  Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 255),
);

function python(script: string, args: readonly string[]): ChildProcess {
  return spawn(PYTHON, [...PYTHON_FLAGS, join(import.meta.dirname, script), ...args], {
    stdio: 'pipe',
  });
}

async function finished(child: ChildProcess): Promise<{ status: number; output: string }> {
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  const [status] = await once(child, 'close');
  return { status, output };
}

// A datagram from port 0 needs a raw socket, which only root has.
const mayForge = hasPython && process.getuid?.() === 0;
if (!mayForge) console.warn('Left out: a datagram from UDP port 0. It needs python3, as root.');

describe.skipIf(!mayForge)('feedback from UDP port 0', () => {
  test('is not answered, and harms nobody', async () => {
    await using server = await startServer({ files: { 'f.bin': BYTES } });
    using peer = await RawPeer.open(server.port);
    peer.socket.write('connect|eve\ndownload|f.bin|fast=1|mtu=1500\n');
    await until('the offer', () => peer.text.includes('|key='));
    const [, port = '', key = ''] = /port=(\d+)\|key=(\d+)/.exec(peer.text) ?? [];
    const out = Buffer.alloc(MAX_FEEDBACK_BYTES);
    const nothing = { newest: NOTHING_YET, heldFor: 0, clock: 0, received: 0, base: 0 };
    const feedback = { key: Number(key), proceed: true, credit: 9, ...nothing };
    const length = encodeFeedback({ ...feedback, bitmap: new Uint8Array() }, out);
    const hex = out.toString('hex', 0, length);
    const child = python('from_port_zero.py', ['127.0.0.1', port, hex]);
    expect(await finished(child)).toEqual({ status: 0, output: '' });
    peer.socket.write('get_users\n');
    await until('the users', () => peer.text.includes('users: ['));
  });
});

describe.skipIf(!hasPython)('a client in Python and our server', () => {
  test.each([
    ['bare', []],
    ['bare, losing a tenth', ['--drop', '0.1']],
    ['with lines', ['--line']],
    ['with lines, losing a tenth', ['--line', '--drop', '0.1']],
    ['of the as-written dialect', ['--ip-port', '--drop', '0.1']],
  ])('%s', async (_name, flags) => {
    await using server = await startServer({ files: { 'f.bin': BYTES } });
    const out = join(server.folder, '.out');
    const route = ['--server', '127.0.0.1', '--port', String(server.port)];
    const job = ['--name', 'pia', '--say', 'hello', '--download', 'f.bin', '--out', out];
    const { status, output } = await finished(
      python('classroom_client.py', [...route, ...job, ...flags]),
    );
    expect(status, output).toBe(0);
    for (const text of [
      'users: []',
      'files: [f.bin]',
      'pia is connected',
      'connected',
      'pia (to all): hello',
      `User pia downloaded 100% out of file. Last byte is: ${BYTES.at(-1)}`,
      'disconnected',
    ]) {
      expect(output.split('\n')).toContain(`<< ${text}`);
    }
    expect((await readFile(out)).equals(BYTES)).toBe(true);
  });
});

describe.skipIf(!hasPython)('our client and a server in Python', () => {
  test.each([
    ['bare', [], ['--bare']],
    ['bare, losing a tenth', ['--drop', '0.1'], ['--bare']],
    ['with lines', ['--line'], []],
    ['with lines, losing a tenth', ['--line', '--drop', '0.1'], []],
  ])('%s', async (_name, serverFlags, clientFlags) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'f.bin'), BYTES);
    const server = python('classroom_server.py', [
      '--ports',
      '0',
      '--files',
      folder,
      ...serverFlags,
    ]);
    try {
      if (server.stdout === null) throw new Error('no output');
      const [line] = await once(createInterface({ input: server.stdout }), 'line');
      const port = /listening on (\d+)/.exec(line)?.[1] ?? '';
      const route = ['--from', 'any', '--server', '127.0.0.1', '--port', port];
      await using client = start(CLIENT, [...route, '--to', join(folder, 'to'), ...clientFlags]);
      // One after the other: nothing else keeps the messages of a bare server apart on a busy machine.
      for (const [reply, ...lines] of [
        [/^connected$/m, 'connect', 'tess'],
        [/^tess \(to all\): hi there$/m, 'hi there', ''],
        [/^users: \[tess\]$/m, 'get_users'],
        [/^files: \[f\.bin\]$/m, 'get_list_file'],
      ] as const) {
        client.enter(...lines);
        await client.waitFor(reply);
      }
      client.endInput('download', 'f.bin', 'proceed', 'copy.bin', 'disconnect');
      expect(await client.exit).toMatchObject({ status: 0 });
      expect((await readFile(join(folder, 'to', 'copy.bin'))).equals(BYTES)).toBe(true);
    } finally {
      server.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});
