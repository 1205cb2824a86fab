import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Stage, sha256 } from './demo-stage.ts';
import { packagedFiles } from './package-files.ts';

/** Four programs start one after the other. */
const TIME_LIMIT_MS = 20_000;
const PASSWORD = 'correct horse';
const PICTURE = 'picture.png';

/** A receiver with a password, a sender without and one with it, a folder sent twice. @param extra flags for alice */
export function demoIsend(extra: readonly string[]): Promise<void> {
  const options = { limit: TIME_LIMIT_MS, extra: ['alice', extra] as const };
  return Stage.run(async (stage) => {
    const { tree, inbox, passwordFile } = await prepare(stage.folder);
    const secret = ['--password-file', passwordFile];
    const bob = stage.act('bob', [
      ...['isend', 'receive', '--host', '127.0.0.1', '--port', '0', '--to', inbox],
      ...['--on-conflict', 'skip', ...secret],
    ]);
    const [, port = ''] = await bob.expect(/listening on TCP port (\d+)/);
    const to = ['isend', 'send', '127.0.0.1', '--port', port];
    stage.say('eve does not know the password');
    const eve = stage.act('eve', [...to, '--message', 'let me in']);
    await eve.expect(/refuses the connection/);
    stage.say('alice does: she sends a message, and a folder with a link in it');
    const message = ['--message', 'Here are the pictures.'];
    const alice = stage.act('alice', [...to, tree, ...message, ...secret]);
    await alice.expect(
      /is left out: a link$/,
      /^sent and confirmed: 3 files, 3 folders, 1 message/,
    );
    await bob.expect(/^message: Here are the pictures\.$/, /is done: 3 files/);
    await compare(stage, join(tree, PICTURE), join(inbox, 'pictures', PICTURE));
    stage.say('she sends it again; bob skips what he has, so not all is confirmed');
    const again = stage.act('alice', [...to, tree, ...secret]);
    await again.expect(/was skipped by the receiver/, /not all was sent/);
    if ((await alice.ended) !== 0)
      throw new Error('the first time should have ended with status 0');
    if ((await again.ended) !== 1)
      throw new Error('the second time should have ended with status 1');
    await bob.stop();
  }, options);
}

/** A folder with a picture, an empty file, an empty folder, a name in another script, and a link. */
async function prepare(
  folder: string,
): Promise<{ tree: string; inbox: string; passwordFile: string }> {
  const [tree, inbox] = [join(folder, 'pictures'), join(folder, 'inbox')];
  const passwordFile = join(folder, 'password');
  await mkdir(join(tree, 'empty'), { recursive: true });
  await mkdir(join(tree, '文書'));
  await writeFile(join(tree, '文書', 'nothing.txt'), '');
  await writeFile(join(tree, 'notes.txt'), 'the picture is worth a look\n');
  await copyFile(join(packagedFiles(), PICTURE), join(tree, PICTURE));
  await symlink('notes.txt', join(tree, 'link'));
  await writeFile(passwordFile, `${PASSWORD}\n`);
  return { tree, inbox, passwordFile };
}

async function compare(stage: Stage, from: string, to: string): Promise<void> {
  const [sent, received] = [await sha256(from), await sha256(to)];
  stage.say(`SHA-256 of the picture at alice: ${sent}`);
  stage.say(`SHA-256 of the picture at bob:   ${received}`);
  if (sent !== received) throw new Error('the pictures differ');
}
