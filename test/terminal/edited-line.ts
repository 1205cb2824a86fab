import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Terminal } from '../support/terminal.ts';
import type { Order, Report } from './editor-program.ts';

const PROGRAM = join(import.meta.dirname, 'editor-program.ts');

/** A LineEditor in a terminal, and the wires that move it. */
export class EditedLine implements AsyncDisposable {
  readonly terminal: Terminal;
  readonly #server: Server;
  readonly #socket: Socket;
  readonly #answers = new Map<number, (answer: string | undefined) => void>();
  #orders = 0;
  /** How often Ctrl-C was pressed. */
  interrupts = 0;

  private constructor(terminal: Terminal, server: Server, socket: Socket) {
    this.terminal = terminal;
    this.#server = server;
    this.#socket = socket;
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const report = JSON.parse(line) as Report;
      if ('interrupted' in report) this.interrupts += 1;
      else this.#answers.get(report.to)?.(report.answer ?? undefined);
    });
  }

  static async open(cols: number): Promise<EditedLine> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const args = ['--import', 'tsx', PROGRAM, String(port)];
    const terminal = new Terminal(process.execPath, args, {
      cols,
      rows: 20,
      cwd: import.meta.dirname,
    });
    const [socket]: Socket[] = await once(server, 'connection');
    if (socket === undefined) throw new Error('no connection');
    return new EditedLine(terminal, server, socket);
  }

  command(): Promise<string | undefined> {
    return this.#order({ do: 'command' });
  }

  ask(text: string): Promise<string | undefined> {
    return this.#order({ do: 'ask', text });
  }

  askBetween(text: string): Promise<string | undefined> {
    return this.#order({ do: 'ask-between', text });
  }

  /** Takes back the last question of {@link askBetween}. */
  takeBack(): Promise<string | undefined> {
    return this.#order({ do: 'take-back' });
  }

  print(text: string): Promise<string | undefined> {
    return this.#order({ do: 'print', text });
  }

  setStatus(text: string | undefined): Promise<string | undefined> {
    return this.#order({ do: 'status', text: text ?? null });
  }

  close(): Promise<string | undefined> {
    return this.#order({ do: 'close' });
  }

  #order(order: Order): Promise<string | undefined> {
    const answered = new Promise<string | undefined>((resolve) => {
      this.#answers.set(this.#orders++, resolve);
    });
    this.#socket.write(`${JSON.stringify(order)}\n`);
    return answered;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.terminal[Symbol.asyncDispose]();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
