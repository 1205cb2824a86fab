/**
 * A client that only asks who is online, ten times a second, as a process of its own that has little else
 * to do: what it waits is the server's doing. It ends when its standard input does, and prints how many
 * answers there were and how long the slowest took, in milliseconds. Arguments: host, port.
 */
import { ChatClientDriver } from '../lib/net/chat-client-driver.ts';
import { UserLists } from './user-lists.ts';

const ASK_EVERY_MS = 100;

const [host = '', port = ''] = process.argv.slice(2);
const lists = new UserLists();
const client = await ChatClientDriver.open({
  host,
  port: Number(port),
  from: undefined,
  framing: 'line',
  onText: (text) => lists.hear(text),
  onAskToProceed: () => undefined,
  openSink: () => Promise.reject(new Error('it downloads nothing')),
  onClosed: () => undefined,
});
if (!(await client.connect('asker'))) throw new Error('the asker cannot connect');
const stop = lists.ask(client, ASK_EVERY_MS);
process.stdin.on('end', () => {
  stop();
  const { answers, slowest } = lists;
  process.stdout.write(`${JSON.stringify({ answers, slowest })}\n`);
  void client.disconnect();
});
process.stdin.resume();
