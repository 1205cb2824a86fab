import { describe, expect, it } from 'vitest';
import { type ReferencePeer, startReferenceServer } from '../support/reference-server.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { chatter, routeTo } from './servers.ts';

/** A file of 25 parts. */
const FILES = new Map([['some.bin', patternBytes(50_000)]]);

const POLL = { timeout: 20_000 };

describe('a server that answers late', () => {
  it('does not end a download with the answer that belongs to the one before', async () => {
    await using folder = await TemporaryFolder.create();
    let downloads = 0;
    let owed = false;
    const server = await startReferenceServer({
      files: FILES,
      framing: 'line',
      // The first download hangs in its first half.
      drop: (seq) => downloads === 1 && seq === 11,
      hooks: {
        message: (text, peer) => {
          if (text.startsWith('download|')) {
            downloads += 1;
            if (owed) peer.send('download stopped');
          } else if (text === 'stop' && downloads === 1) {
            peer.download?.end();
            owed = true;
            return true;
          }
          return false;
        },
      },
    });
    try {
      await using alice = await chatter('alice', { route: routeTo(server.port), to: folder.path });
      alice.enter('download');
      await alice.waitFor(/\nFile name:$/);
      alice.enter('some.bin');
      await alice.waitFor(/\nsome\.bin \[[#-]+\] .*\n>$/);
      alice.press('ctrl-c');
      await alice.waitFor(/\n(What came|Nothing was) [\s\S]*\n>$/);

      alice.enter('download');
      await alice.waitFor(/download\nFile name:$/);
      alice.enter('some.bin');
      await alice.waitFor(/write anything else:$/);
      alice.enter('proceed');
      await alice.waitFor(/\nAll of some\.bin has come/);
    } finally {
      await server.close();
    }
  });

  it('is told to stop a download that was given up before it had begun', async () => {
    await using folder = await TemporaryFolder.create();
    let asking: ReferencePeer | undefined;
    const server = await startReferenceServer({
      files: FILES,
      framing: 'line',
      hooks: {
        message: (text, peer) => {
          if (text.startsWith('download|')) asking = peer;
          return text.startsWith('download|') || text === 'stop';
        },
      },
    });
    try {
      await using alice = await chatter('alice', { route: routeTo(server.port), to: folder.path });
      alice.enter('download');
      await alice.waitFor(/\nFile name:$/);
      alice.enter('some.bin');
      await expect.poll(() => asking, POLL).toBeDefined();
      alice.press('ctrl-c');
      alice.enter('help');
      await alice.waitFor(/leaves, as Ctrl-D does\.\n>$/);
      asking?.send('|25');
      await expect.poll(() => server.received, POLL).toContain('stop');
      asking?.send('download stopped');
      await alice.waitFor(/\ndownload stopped\n>$/);
      expect(alice.screen()).not.toContain('|25');
    } finally {
      await server.close();
    }
  });
});
