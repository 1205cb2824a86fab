/**
 * Servers for the tests, and clients that are connected to them: what `Server.ts` and `Client.ts` run, compiled,
 * as it starts in a third of the time.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Terminal, TerminalOptions } from '../support/terminal.ts';
import { openTerminal, type Program, start, WIRELAB } from './programs.ts';

/** The flags of a client that answer the three questions. */
export function routeTo(port: number): string[] {
  return ['--from', '127.0.0.1', '--server', '127.0.0.1', '--port', String(port), '--document'];
}

/** A server with pipes, on a port that the system chose. */
export class RunningServer implements AsyncDisposable {
  readonly program: Program;
  readonly port: number;

  private constructor(program: Program, port: number) {
    this.program = program;
    this.port = port;
  }

  static async start(files: string, ...flags: readonly string[]): Promise<RunningServer> {
    const where = ['--host', '127.0.0.1', '--ports', '0', '--files', files];
    const program = start(WIRELAB, ['serve', ...where, ...flags]);
    const listening = await program.waitFor(/listening on TCP ports (\d+)/);
    return new RunningServer(program, Number(listening[1]));
  }

  /** The flags of a client that answer the three questions. */
  get route(): string[] {
    return routeTo(this.port);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]();
  }
}

export interface ChatterOptions extends TerminalOptions {
  readonly route: readonly string[];
  /** Where downloads go. */
  readonly to?: string;
  readonly flags?: readonly string[];
}

/** A client in a terminal that is online under `name`, with the prompt before it. */
export async function chatter(name: string, options: ChatterOptions): Promise<Terminal> {
  const { route, to = '.', flags = [], ...terminalOptions } = options;
  const args = [...route, '--name', name, '--to', to, ...flags];
  const terminal = openTerminal(WIRELAB, ['chat', ...args], terminalOptions);
  await terminal.waitFor(/\nconnected\n>$/);
  return terminal;
}

/** Whether one can listen there just now. */
export async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A server on one of the ports that the start-up questions know, on a loopback address. */
export interface DocumentServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Several tests may want such a port at once: the first that is free is taken. */
export async function startOnDocumentPort(): Promise<DocumentServer> {
  for (const host of ['127.0.0.1', '::1', '127.0.0.2']) {
    for (let port = 55_000; port <= 55_015; port += 1) {
      if (!(await isFree(port, host))) continue;
      const program = start(WIRELAB, ['serve', '--host', host, '--ports', String(port)]);
      try {
        await program.waitFor(/listening on TCP ports/);
        return { host, port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
      } catch {
        // Somebody else was faster.
        await program[Symbol.asyncDispose]();
      }
    }
  }
  throw new Error('none of the ports 55000 to 55015 is free');
}
