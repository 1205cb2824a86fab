import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { HoldingPath } from './holding-path.ts';
import { chatter, RunningServer } from './servers.ts';

/** 25 parts: the pause comes behind part 11. */
const LAST_OF_FIRST_HALF = 11;

let files: TemporaryFolder;
let server: RunningServer;

beforeAll(async () => {
  files = await TemporaryFolder.create({ 'some.bin': patternBytes(50_000) });
  server = await RunningServer.start(files.path);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** Somebody without a terminal, on a socket alone. */
class Eve implements AsyncDisposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(): Promise<Eve> {
    const socket = createConnection(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const eve = new Eve(socket);
    eve.send('connect|eve');
    for await (const [data] of eventsOf(socket)) if (/^connected$/m.test(data)) break;
    return eve;
  }

  send(text: string): void {
    this.#socket.write(`${text}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }
}

/** What comes, joined: each event has all that came until then. */
async function* eventsOf(socket: Socket): AsyncGenerator<[string]> {
  let text = '';
  socket.setEncoding('utf8');
  for (;;) {
    const [chunk]: string[] = await once(socket, 'data');
    text += chunk;
    yield [text];
  }
}

/** A typed line and its prompt as they stand in a window of that width. */
function rows(line: string, cols: number): string {
  return `> ${line}`.replaceAll(new RegExp(`(.{${cols}})(?!$)`, 'g'), '$1\\n');
}

describe('a line that is being typed', () => {
  it('stays whole below a message that comes meanwhile', async () => {
    await using terminal = await chatter('alice', server);
    await using eve = await Eve.connect();
    await terminal.waitFor(/\neve is connected\n>$/);

    terminal.type('half a line');
    await terminal.waitFor(/\n> half a line$/);
    eve.send('msg|are you there?|alice');
    await terminal.waitFor(/\neve is connected\neve: are you there\?\n> half a line$/);

    terminal.press('home');
    terminal.press('enter');
    await terminal.waitFor(/\n> half a line\nTo whom \(empty: everybody\):$/);
    terminal.type('ev');
    await terminal.waitFor(/everybody\): ev$/);
    eve.send('msg|hurry|alice');
    await terminal.waitFor(/\neve: hurry\nTo whom \(empty: everybody\): ev$/);
    terminal.enter('e');
    await terminal.waitFor(/everybody\): eve\n>$/);
  });

  it('keeps the place of the cursor', async () => {
    await using terminal = await chatter('alice', server);
    await using eve = await Eve.connect();
    await terminal.waitFor(/\neve is connected\n>$/);

    terminal.type('helo');
    terminal.press('left');
    await terminal.waitFor(/\n> helo$/);
    eve.send('msg_all|psst');
    await terminal.waitFor(/\neve \(to all\): psst\n> helo$/);
    terminal.type('l');
    await terminal.waitFor(/psst\n> hello$/);
  });

  it('stays whole when it wraps, and when the window changes', async () => {
    await using terminal = await chatter('alice', { route: server.route, cols: 40 });
    await using eve = await Eve.connect();
    await terminal.waitFor(/\neve is connected\n>$/);

    const line = 'a-line-that-is-longer-than-40-columns-by-a-bit';
    const endsWith = (cols: number, before = '') => new RegExp(`${before}\\n${rows(line, cols)}$`);
    terminal.type(line);
    await terminal.waitFor(endsWith(40));
    eve.send('msg_all|first');
    await terminal.waitFor(endsWith(40, '\\neve is connected\\neve \\(to all\\): first'));

    terminal.resize(30, 30);
    await terminal.waitFor(endsWith(30, ': first'));
    eve.send('msg_all|second');
    await terminal.waitFor(endsWith(30, ': first\\neve \\(to all\\): second'));

    terminal.resize(100, 30);
    await terminal.waitFor(endsWith(100, ': second'));
    eve.send('msg_all|third');
    await terminal.waitFor(endsWith(100, ': second\\neve \\(to all\\): third'));
    // Nothing of it stands anywhere else.
    expect(terminal.screen().match(/a-line/g)).toHaveLength(1);
  });

  it('is not taken for the answer at 50 %: the question waits for its end', async () => {
    await using folder = await TemporaryFolder.create();
    await using path = await HoldingPath.start(server.port, LAST_OF_FIRST_HALF);
    await using terminal = await chatter('alice', { route: path.route, to: folder.path });

    terminal.enter('download');
    await terminal.waitFor(/\nFile name:$/);
    terminal.enter('some.bin');
    await terminal.waitFor(/\nsome\.bin \[[#-]+\] .*\n>$/);
    terminal.type('proceed with');
    await terminal.waitFor(/\n> proceed with$/);
    path.letThrough();
    await terminal.waitFor(/\ndownload reached 50%\.[\s\S]*\(finish the [\s\S]*\n> proceed with$/);
    terminal.enter(' care');
    await terminal.waitFor(/\n> proceed with care\n(some\.bin.*\n)?To whom .*:$/);
    terminal.press('enter');
    await terminal.waitFor(/\nalice \(to all\): proceed with care\n[\s\S]*write anything else:$/);
    terminal.enter('proceed');
    await terminal.waitFor(/\nAll of some\.bin has come/);
  });
});

describe('the progress bar', () => {
  it('stays one row above the prompt when the window becomes narrower', async () => {
    await using folder = await TemporaryFolder.create();
    await using path = await HoldingPath.start(server.port, LAST_OF_FIRST_HALF);
    await using terminal = await chatter('alice', { cols: 80, route: path.route, to: folder.path });
    await using eve = await Eve.connect();
    await terminal.waitFor(/\neve is connected\n>$/);

    terminal.enter('download');
    await terminal.waitFor(/\nFile name:$/);
    terminal.enter('some.bin');
    await terminal.waitFor(/\nsome\.bin \[[#-]+\] .* left\n>$/);
    terminal.resize(40, 30);
    await terminal.waitFor(/\nsome\.bin \[[#-]+.*\n>$/);
    eve.send('msg_all|narrow');
    await terminal.waitFor(/\neve \(to all\): narrow\nsome\.bin \[[#-]+.*\n>$/);
    eve.send('msg_all|more');
    await terminal.waitFor(/: narrow\neve \(to all\): more\nsome\.bin \[[#-]+.*\n>$/);
    terminal.enter('get_users');
    await terminal.waitFor(/: more\n> get_users\nusers: \[alice, eve\]\nsome\.bin \[.*\n>$/);
  });
});

describe('what a peer sends', () => {
  it('cannot drive the terminal: escape sequences are shown, not obeyed', async () => {
    await using terminal = await chatter('alice', server);
    await using eve = await Eve.connect();
    await terminal.waitFor(/\neve is connected\n>$/);
    const before = terminal.screen().replace(/\n>$/, '');

    eve.send('msg_all|\x1b[2Jboo');
    await terminal.waitFor(/\neve \(to all\): \\x1b\[2Jboo\n>$/);
    eve.send('msg|\x1b]0;title\x07\x9b1Ahey|alice');
    await terminal.waitFor(/\neve: \\x1b\]0;title\\x07\\x9b1Ahey\n>$/);
    expect(terminal.screen().startsWith(before)).toBe(true);
  });
});
