import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { CLIENT, openTerminal, SERVER } from './programs.ts';
import { RunningServer, startOnDocumentPort } from './servers.ts';

describe('two terminals', () => {
  it('asks the three questions, explains wrong answers, and connects', async () => {
    await using server = await startOnDocumentPort();
    await using alice = openTerminal(CLIENT, []);

    await alice.waitFor(/^The local IP address to connect from \[any\]:$/);
    alice.enter('10.1');
    await alice.waitFor(/\nThat is no IP address\. This machine has: [\s\S]*from \[any\]:$/);
    alice.enter('203.0.113.9');
    await alice.waitFor(/\nThis machine does not have that address\.[\s\S]*from \[any\]:$/);
    alice.enter(server.host);

    await alice.waitFor(/\nThe server's IP address \[127\.0\.0\.1\]:$/);
    alice.enter('nowhere');
    await alice.waitFor(/\nThat is no IP address\. 127[\s\S]*address \[127\.0\.0\.1\]:$/);
    alice.enter(server.host);

    await alice.waitFor(/\nThe port, 55000 to 55015 \[55000\]:$/);
    for (const wrong of ['54999', '55016', 'abc', '-1', '55000.5']) {
      alice.enter(wrong);
      await alice.waitFor(
        new RegExp(
          `: ${wrong}\nThe port is a number from 55000 to 55015\\. [\\s\\S]*\\[55000\\]:$`,
        ),
      );
    }
    alice.enter(String(server.port));
    await alice.waitFor(/\nThere is a connection to .*\. 'help' lists the commands\.\n>$/);

    alice.enter('get_users');
    await alice.waitFor(/\nusers: \[\]\n>$/);
  });

  it('logs in, lists, and carries messages to all, to one, and to nobody', async () => {
    await using folder = await TemporaryFolder.create({ 'b.txt': 'b', 'a.txt': 'a', '.no': '' });
    await using server = await RunningServer.start(folder.path);
    await using alice = openTerminal(CLIENT, server.route);
    await using bob = openTerminal(CLIENT, server.route);

    await alice.waitFor(/commands\.\n>$/);
    alice.enter('hello?');
    await alice.waitFor(/\nTo whom \(empty: everybody\):$/);
    alice.press('enter');
    await alice.waitFor(/\nCan't send message\. Need to log in first\n>$/);
    alice.enter('connect');
    await alice.waitFor(/\nYour name:$/);
    alice.enter('a|b');
    await alice.waitFor(/\ncan't connect\. Name is illegal\. Try another\n>$/);
    alice.enter('connect');
    await alice.waitFor(/connect\nYour name:$/);
    alice.enter('alice');
    await alice.waitFor(/\nalice is connected\nconnected\n>$/);

    await bob.waitFor(/commands\.\n>$/);
    bob.enter('connect');
    await bob.waitFor(/\nYour name:$/);
    bob.enter('alice');
    await bob.waitFor(/\ncan't connect\. Name is taken\. Try another\n>$/);
    bob.enter('connect');
    await bob.waitFor(/connect\nYour name:$/);
    bob.enter('bob');
    await bob.waitFor(/\nbob is connected\nconnected\n>$/);
    await alice.waitFor(/\nbob is connected\n>$/);

    bob.enter('get_users');
    await bob.waitFor(/\nusers: \[alice, bob\]\n>$/);
    bob.enter('get_list_file');
    await bob.waitFor(/\nfiles: \[a\.txt, b\.txt\]\n>$/);

    alice.enter('Hello all | of you');
    await alice.waitFor(/of you\nTo whom \(empty: everybody\):$/);
    alice.press('enter');
    await alice.waitFor(/\nalice \(to all\): Hello all \| of you\n>$/);
    await bob.waitFor(/\nalice \(to all\): Hello all \| of you\n>$/);

    bob.enter('only for you | alice');
    await bob.waitFor(/alice\nTo whom \(empty: everybody\):$/);
    bob.enter('alice');
    await alice.waitFor(/\nbob: only for you \| alice\n>$/);
    bob.enter('anybody?');
    await bob.waitFor(/anybody\?\nTo whom \(empty: everybody\):$/);
    bob.enter('carol');
    await bob.waitFor(/\nCan't send message\. carol is not online\n>$/);
    expect(bob.screen()).not.toContain('bob: only for you');

    bob.enter('help');
    await bob.waitFor(/get_list_file +what can be downloaded[\s\S]*\n>$/);

    bob.enter('disconnect');
    await bob.waitFor(/\ndisconnected\n+The local IP address to connect from \[127\.0\.0\.1\]:$/);
    await alice.waitFor(/\nbob is disconnected\n>$/);
  });

  it('downloads with the question at 50 % and a new name, as the server logs it', async () => {
    const bytes = patternBytes(50_000);
    await using files = await TemporaryFolder.create({ 'some.bin': bytes });
    await using target = await TemporaryFolder.create();
    await using server = openTerminal(SERVER, ['--ports', '0', '--files', files.path]);
    await server.waitFor(/offering 1 files of [\s\S]* listening on TCP ports \d+$/);
    const port = /TCP ports (\d+)/.exec(server.screen())?.[1] ?? '';
    const route = ['--from', 'any', '--server', 'localhost', '--port', port];
    await using alice = openTerminal(CLIENT, [...route, '--to', target.path, '--name', 'alice']);
    await alice.waitFor(/\nconnected\n>$/);

    alice.enter('download');
    await alice.waitFor(/\nFile name:$/);
    alice.enter('some.bin');
    await alice.waitFor(
      /\ndownload reached 50%\. To continue write 'proceed'\. To stop, write anything else:$/,
    );
    alice.enter('proceed');
    await alice.waitFor(/\nAll of some\.bin has come: 2 of 2 parts, 50\.0 kB[\s\S]*some\.bin\):$/);
    const lastWord = `User alice downloaded 100% out of file. Last byte is: ${bytes.at(-1)}`;
    await alice.waitFor(lastWord);
    alice.enter('renamed.bin');
    await alice.waitFor(/\nSaved as [\s\S]*renamed\.\s?bin\.\n>$/);

    expect((await readFile(join(target.path, 'renamed.bin'))).equals(bytes)).toBe(true);
    expect(alice.screen().split(lastWord)).toHaveLength(2);
    await server.waitFor(/alice .*some\.bin/);
  });
});
