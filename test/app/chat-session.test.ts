import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { ChatSession } from '../../lib/app/chat-session.ts';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import { LineReader } from '../../lib/terminal/line-reader.ts';
import { startServer } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folders.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([true, false])(
  'an error of a download ends the download only (interactive: %s)',
  async (interactive) => {
    await using folder = await TemporaryFolder.create();
    await using server = await startServer({ files: { f: 'one part' } });
    vi.spyOn(PartialFile, 'leftover').mockRejectedValueOnce(new Error('nobody expected this'));
    const input = new PassThrough();
    const output = new PassThrough({ encoding: 'utf8' });
    const session = new ChatSession({
      route: { from: '127.0.0.1', server: '127.0.0.1', port: server.port },
      name: 'alice',
      folder: folder.path,
      yes: true,
      framing: 'line',
      fast: { rate: undefined, mtu: undefined },
      makeDialogue: () => new LineReader(input, output),
      interactive,
    });
    const ended = session.run();
    let said = '';
    output.on('data', (text: string) => {
      said += text;
      if (said.endsWith('nobody expected this.\n')) input.write('get_list_file\n');
      if (said.endsWith('files: [f]\n')) input.end();
    });
    input.write('download\nf\n');
    expect(await ended).toBe(interactive ? 'left' : 'failed');
    expect(said).toContain('\nDownload failed: nobody expected this.\n');
  },
);
