/** Receives a file into the folder that is given, and discards it, again and again, until it is killed. */
import { IncomingFile } from '../../lib/storage/incoming-file.ts';

const folder = process.argv[2] ?? '';
process.stdout.write('ready\n');
for (;;) {
  const file = await IncomingFile.open({ folder, name: 'f', note: 'test', offset: 'resume' });
  await file.write(Buffer.from('old'));
  await file.discard();
}
