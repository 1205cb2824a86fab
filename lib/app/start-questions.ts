import { parsePort } from '../core/brands.ts';
import { isAddress, isHost, localAddresses } from '../net/addresses.ts';
import { askAtStart, type StartQuestion, WrongAnswer } from '../terminal/ask-at-start.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { FIRST_PORT, LAST_PORT } from './flags.ts';
import { ANY, type Route } from './route.ts';

/** The document's three questions, in its order; an empty answer takes what is in brackets. */
const QUESTIONS: {
  readonly [Key in keyof Route]: (usual: Route[Key] | undefined) => StartQuestion<Route[Key]>;
} = {
  from: (usual = ANY) => ({
    text: `The local IP address to connect from [${usual}]:`,
    parse: (answer) => (answer === '' ? usual : parseLocalAddress(answer)),
  }),
  server: (usual = '127.0.0.1') => ({
    text: `The server's IP address [${usual}]:`,
    parse: (answer) => (answer === '' ? usual : parseServerAddress(answer)),
  }),
  port: (usual = FIRST_PORT) => ({
    text: `The port, ${FIRST_PORT} to ${LAST_PORT} [${usual}]:`,
    parse: (answer) => (answer === '' ? usual : parseDocumentPort(answer)),
  }),
};

/** Asks for what `known` does not say, in the terminal, with `usual` for empty answers. */
export function askRouteInTerminal(known: Partial<Route>, usual: Partial<Route>): Route {
  return {
    from: known.from ?? askAtStart(QUESTIONS.from(usual.from)),
    server: known.server ?? askAtStart(QUESTIONS.server(usual.server)),
    port: known.port ?? askAtStart(QUESTIONS.port(usual.port)),
  };
}

/** The same from a pipe; `undefined` when it ends. */
export async function askRouteInPipe(
  dialogue: Dialogue,
  known: Partial<Route>,
  usual: Partial<Route>,
): Promise<Route | undefined> {
  const ended = Symbol('ended');
  const ask = async <Answer>(question: StartQuestion<Answer>): Promise<Answer | typeof ended> => {
    for (;;) {
      const answer = await dialogue.ask(question.text);
      if (answer === undefined) return ended;
      try {
        return question.parse(answer.trim());
      } catch (error) {
        if (!(error instanceof WrongAnswer)) throw error;
        dialogue.print(error.message);
      }
    }
  };
  const from = known.from ?? (await ask(QUESTIONS.from(usual.from)));
  if (from === ended) return undefined;
  const server = known.server ?? (await ask(QUESTIONS.server(usual.server)));
  if (server === ended) return undefined;
  const port = known.port ?? (await ask(QUESTIONS.port(usual.port)));
  return port === ended ? undefined : { from, server, port };
}

/** @throws WrongAnswer */
export function parseLocalAddress(text: string): string {
  if (text === ANY || text === '0.0.0.0' || text === '::') return ANY;
  const own = localAddresses();
  if (text === 'localhost') return '127.0.0.1';
  if (!isAddress(text)) {
    throw new WrongAnswer(`That is no IP address. This machine has: ${own.join(', ')}.`);
  }
  if (!own.includes(text) && !text.startsWith('127.')) {
    throw new WrongAnswer(`This machine does not have that address. It has: ${own.join(', ')}.`);
  }
  return text;
}

function parseServerAddress(text: string): string {
  const looksLikeName = text === 'localhost' || text.includes('.');
  if (isAddress(text) || (looksLikeName && isHost(text))) return text;
  throw new WrongAnswer('That is no IP address. 127.0.0.1 is a server on this machine.');
}

function parseDocumentPort(text: string): number {
  const port = parsePort(text);
  if (port !== undefined && port >= FIRST_PORT && port <= LAST_PORT) return port;
  throw new WrongAnswer(
    `The port is a number from ${FIRST_PORT} to ${LAST_PORT}. (Other ports: --port.)`,
  );
}
