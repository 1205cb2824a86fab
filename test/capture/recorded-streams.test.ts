import { expect, test } from 'vitest';
import { readFrames } from '../../lib/capture/capture-file.ts';
import { Decoder } from '../../lib/capture/decode.ts';
import { type StreamEvent, TcpStreams } from '../../lib/capture/tcp-streams.ts';
import { cut } from '../support/extracted.ts';
import { record } from '../support/recorded.ts';

/** What happens on the connections of a capture, in words. */
function eventsIn(file: string): string[] {
  const decoder = new Decoder();
  const streams = new TcpStreams();
  const events: string[] = [];
  const tell = (event: StreamEvent): void => {
    const { stream, type } = event;
    const by = event.type === 'closed' ? '' : ` ${event.by}`;
    const what = event.type === 'data' ? ` ${event.bytes}` : '';
    const length = event.type === 'gap' ? ` ${event.length}` : '';
    events.push(`${stream.number} ${type}${by}${what}${length}`);
  };
  for (const frame of readFrames(file)) {
    const packet = decoder.decode(frame);
    if (packet?.protocol === 'tcp') for (const event of streams.push(packet)) tell(event);
  }
  for (const event of streams.end()) tell(event);
  return events;
}

test('each connection is closed once, however it ends', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const [ended, reset, open] = [tcp(1), tcp(2), tcp(3)];
    ended?.end('out');
    ended?.end('in');
    ended?.closed();
    reset?.data('out', Buffer.from('a'));
    reset?.closed('in');
    open?.data('in', Buffer.from('b'));
  });
  await using _ = folder;
  expect(eventsIn(file)).toEqual([
    ...['0 end client', '0 end server', '0 closed'],
    ...['1 data client a', '1 closed'],
    ...['2 data server b', '2 end client', '2 closed'],
  ]);
});

test('what is missing is told before the answer to what stands behind it', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const connection = tcp(1);
    for (const text of ['a', 'missing', 'b']) connection.data('out', Buffer.from(text));
    connection.data('in', Buffer.from('answer'));
    connection.data('out', Buffer.from('c'));
  });
  await using _ = folder;
  const holed = await cut(file, (all) => all.filter((bytes) => !bytes.includes('missing')));
  expect(eventsIn(holed)).toEqual([
    ...['0 data client a', '0 gap client 7', '0 data client b', '0 data server answer'],
    ...['0 data client c', '0 end client', '0 closed'],
  ]);
});
