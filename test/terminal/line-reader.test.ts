import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { LineReader } from '../../lib/terminal/line-reader.ts';

interface Session {
  readonly input: PassThrough;
  readonly reader: LineReader;
  /** Everything that was written, once the reader is closed. */
  readonly written: () => Promise<string>;
}

function session(script?: string): Session {
  const input = new PassThrough();
  const output = new PassThrough();
  const reader = new LineReader(input, output);
  if (script !== undefined) input.end(script);
  return {
    input,
    reader,
    written: () => {
      reader.close();
      output.end();
      return text(output);
    },
  };
}

describe('LineReader', () => {
  it('answers everything with the next line, and writes it out like a session', async () => {
    const { reader, written } = session('download\nq.txt\nproceed\n');
    expect(await reader.command()).toBe('download');
    expect(await reader.ask('File name:')).toBe('q.txt');
    reader.print('on its way');
    expect(await reader.askBetween('Go on?')).toBe('proceed');
    expect(await written()).toBe('> download\nFile name: q.txt\non its way\nGo on? proceed\n');
  });

  it('answers with undefined at the end of the input, again and again', async () => {
    const { reader, written } = session('only\n');
    expect(await reader.command()).toBe('only');
    expect(await reader.command()).toBeUndefined();
    expect(await reader.ask('Still there?')).toBeUndefined();
    expect(await reader.askBetween('Sure?')).toBeUndefined();
    // A question without an answer is not shown as if somebody had been asked.
    expect(await written()).toBe('> only\n');
  });

  it('ends a wait when the input ends, and when it is closed', async () => {
    const ended = session();
    const first = ended.reader.command();
    ended.input.end();
    expect(await first).toBeUndefined();

    const closed = session();
    const second = closed.reader.ask('Who?');
    closed.reader.close();
    expect(await second).toBeUndefined();
  });

  it('takes a last line without a line end, and CRLF', async () => {
    const { reader } = session('one\r\ntwo');
    expect(await reader.command()).toBe('one');
    expect(await reader.command()).toBe('two');
  });

  it('shows a question that came up by itself, and answers it before the next command', async () => {
    const { input, reader, written } = session();
    const answers = Promise.all([
      reader.command(),
      reader.askBetween('First?'),
      reader.askBetween('Second?'),
    ]);
    input.write('first\nsec');
    input.write('ond\nthird\n');
    expect(await answers).toEqual(['third', 'first', 'second']);
    expect(await written()).toBe('First?\nSecond?\nfirst\nsecond\n> third\n');
  });

  it('gives the line to the next question when one is taken back', async () => {
    const { input, reader, written } = session();
    const takeBack = new AbortController();
    const question = reader.askBetween('Go on?', takeBack.signal);
    const command = reader.command();
    takeBack.abort();
    expect(await question).toBeUndefined();
    input.write('get_users\n');
    expect(await command).toBe('get_users');
    expect(await written()).toBe('Go on?\n> get_users\n');
  });

  it('spends no line on a question that was taken back before it was asked', async () => {
    const { input, reader } = session();
    expect(await reader.askBetween('Go on?', AbortSignal.abort())).toBeUndefined();
    input.write('for the prompt\n');
    expect(await reader.command()).toBe('for the prompt');
    const later = session('here before the question\n');
    await new Promise(setImmediate);
    expect(await later.reader.askBetween('Go on?', AbortSignal.abort())).toBeUndefined();
    expect(await later.reader.command()).toBe('here before the question');
  });

  it('reads a long script no faster than it is obeyed, and loses nothing of it', async () => {
    const { input, reader } = session();
    const count = 100_000;
    const script = Array.from({ length: count }, (_, index) => `line ${index}`);
    let fed = 0;
    const feed = (): void => {
      // A line each, so that the stream's own limit counts.
      while (fed < count) if (!input.write(`${script[fed++]}\n`)) return;
      input.end();
    };
    input.on('drain', feed);
    feed();
    expect(await reader.command()).toBe('line 0');
    await new Promise(setImmediate);
    expect(fed).toBeLessThan(count / 2);

    const read = ['line 0'];
    for (;;) {
      const line = await reader.command();
      if (line === undefined) break;
      read.push(line);
    }
    expect(read).toEqual(script);
  });

  it('shows no status', async () => {
    const { reader, written } = session('');
    reader.setStatus();
    expect(await written()).toBe('');
  });
});
