import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { run, SERVER, start, WIRELAB } from './programs.ts';
import { RunningServer } from './servers.ts';

/** A port that somebody else has. */
async function takePort(): Promise<AsyncDisposable & { port: number }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** What the server answers to one line. */
async function ask(port: number, line: string): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  try {
    socket.write(`${line}\n`);
    const [answer]: unknown[] = await once(createInterface({ input: socket }), 'line');
    return String(answer);
  } finally {
    socket.destroy();
  }
}

describe('Server.ts', () => {
  it('names a taken port in a warning, and serves on the others', async () => {
    await using files = await TemporaryFolder.create({ 'a.txt': 'a' });
    await using taken = await takePort();
    const ports = `${taken.port},0,0`;
    const args = ['--host', '127.0.0.1', '--ports', ports, '--files', files.path];
    await using server = start(SERVER, args);
    const [, first, second] = await server.waitFor(/listening on TCP ports (\d+)[,-](\d+)$/m);
    expect(server.stderr).toContain(`port ${taken.port} is left out: another program has it`);
    expect(await ask(Number(first), 'get_list_file')).toBe('files: [a.txt]');
    expect(await ask(Number(second), 'get_users')).toBe('users: []');
  });

  it('ends with status 1 when no port is left', async () => {
    await using taken = await takePort();
    const { port } = taken;
    const { status, stderr } = await run(SERVER, ['--host', '127.0.0.1', '--ports', `${port}`]);
    expect(stderr).toContain(`port ${port} is left out: another program has it`);
    expect(stderr).toMatch(/^error: none of the ports can be listened on; --ports names others$/m);
    expect(status).toBe(1);
  });

  it('says that the folder is missing, in one line', async () => {
    const { status, stdout, stderr } = await run(SERVER, ['--files', '/no/such/folder']);
    expect(stderr).toMatch(/^error: [^\n]*--files[^\n]*'\/no\/such\/folder'[^\n]*\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('logs a line for each event, with time, address and name', async () => {
    await using files = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    await ask(server.port, 'connect|alice');
    await server.program.waitFor(/^\d\d:\d\d:\d\d 127\.0\.0\.1:\d+ alice connected$/m);
    await server.program.waitFor(/^\d\d:\d\d:\d\d 127\.0\.0\.1:\d+ alice disconnected$/m);
    expect(server.program.stdout).toBe('');
  });

  it('logs a name with escape sequences without obeying them', async () => {
    await using files = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    await ask(server.port, '\x1b[2J');
    await server.program.waitFor(/TCP closed|TCP broken/);
    expect(server.program.stderr).not.toContain('\x1b');
  });

  it('offers a file that is dropped in while it runs, and none that is hidden', async () => {
    await using files = await TemporaryFolder.create({ '.hidden': '' });
    await using server = await RunningServer.start(files.path);
    expect(await ask(server.port, 'get_list_file')).toBe('files: []');
    await writeFile(join(files.path, 'new.txt'), 'new');
    expect(await ask(server.port, 'get_list_file')).toBe('files: [new.txt]');
  });

  it('says only what is wrong with --quiet', async () => {
    await using files = await TemporaryFolder.create();
    await using taken = await takePort();
    await using free = await takePort();
    const { port } = free;
    await free[Symbol.asyncDispose]();
    const args = ['--host', '127.0.0.1', '--ports', `${taken.port},${port}`, '--quiet'];
    await using server = start(SERVER, [...args, '--files', files.path]);
    await server.waitFor(new RegExp(`port ${taken.port} is left out`));
    await expect
      .poll(() => ask(port, 'connect|alice').catch(() => 'nobody listens yet'), { timeout: 20_000 })
      .toBe('alice is connected');
    server.kill('SIGTERM');
    const { status, stdout, stderr } = await server.exit;
    expect(status).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^[^\n]*left out: another program has it\n$/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with status 0 at %s', async (signal) => {
    await using files = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    server.program.kill(signal);
    expect(await server.program.exit).toMatchObject({ status: 0, signal: null });
  });

  it.each([
    ['--rate of the server', ['--rate', '1M'], []],
    ['--rate-per-client', ['--rate-per-client', '1M'], []],
    ['--rate of the client', [], ['--rate', '1M']],
    ['--rate under the document’s rules', ['--rate', '1M'], ['--document']],
  ])('keeps to %s', async (_, flags, clientFlags) => {
    await using files = await TemporaryFolder.create({ 'big.bin': patternBytes(2_000_000) });
    await using folder = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path, ...flags);
    const args = ['get', 'big.bin', '--yes', '--port', String(server.port), ...clientFlags];
    const before = performance.now();
    const { status } = await run(WIRELAB, args, { cwd: folder.path });
    expect(status).toBe(0);
    // Two seconds, but for what may go at once; a slow machine takes longer.
    expect(performance.now() - before).toBeGreaterThan(1500);
  });

  it('swaps the fields of msg with --dialect original', async () => {
    await using files = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path, '--dialect', 'original');
    const socket = createConnection(server.port, '127.0.0.1');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.write('connect|eve\nmsg|eve|to|myself\n');
    const said = [];
    while (said.length < 3) said.push((await lines.next()).value);
    socket.destroy();
    expect(said).toEqual(['eve is connected', 'connected', 'eve: to|myself']);
  });
});
