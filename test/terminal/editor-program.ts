/**
 * Shows a LineEditor in the terminal that it is run in. What the editor is to do comes from the
 * test, over a TCP connection to the port in the first argument, and what it answered goes back.
 */
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { LineEditor } from '../../lib/terminal/line-editor.ts';

export type Order =
  | { readonly do: 'command' | 'close' }
  | { readonly do: 'ask' | 'ask-between' | 'print'; readonly text: string }
  | { readonly do: 'status'; readonly text: string | null }
  | { readonly do: 'take-back' };

export type Report =
  | { readonly answer: string | null; readonly to: number }
  | { readonly interrupted: true };

const test = createConnection(Number(process.argv[2]), '127.0.0.1');
const report = (what: Report): void => void test.write(`${JSON.stringify(what)}\n`);
const editor = new LineEditor({
  input: process.stdin,
  output: process.stdout,
  onInterrupt: () => report({ interrupted: true }),
});
let asked = new AbortController();
let orders = 0;

createInterface({ input: test }).on('line', async (line) => {
  const to = orders++;
  const answer = await obey(JSON.parse(line) as Order);
  report({ answer: answer ?? null, to });
});
test.on('close', () => process.exit());

async function obey(order: Order): Promise<string | undefined> {
  switch (order.do) {
    case 'command':
      return editor.command();
    case 'ask':
      return editor.ask(order.text);
    case 'ask-between':
      asked = new AbortController();
      return editor.askBetween(order.text, asked.signal);
    case 'take-back':
      asked.abort();
      return undefined;
    case 'print':
      editor.print(order.text);
      return undefined;
    case 'status':
      editor.setStatus(order.text ?? undefined);
      return undefined;
    case 'close':
      editor.close();
      return undefined;
  }
}
