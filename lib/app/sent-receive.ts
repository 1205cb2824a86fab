import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatBytes, visible } from '../core/text.ts';
import { EXIT } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { ReceivedFile } from './received-file.ts';
import { type SentFlags, startPeer, withSentFlags } from './sent-flags.ts';
import { Shares } from './shares.ts';
import { onStopSignal } from './stop-signals.ts';
import { Taking, type TakingFlags, withTakingFlags } from './taking.ts';

/** `wirelab sent receive` */
export function sentReceiveCommand(): Command {
  const command = newCommand('receive').description(
    'Be there, and take what is offered. Prints where it is.',
  );
  return withTakingFlags(withSentFlags(command)).action(receive);
}

async function receive(flags: SentFlags & TakingFlags): Promise<void> {
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const taking = new Taking(flags, stop);
  const shares = new Shares(taking.bar);
  let failures = 0;
  try {
    await using peer = await startPeer(flags, {
      decide: ({ name, ip }, { name: file, size }, expired) =>
        taking.decide(
          `${visible(name)} (${ip}) offers ${visible(file)} (${formatBytes(size)}). Take it?`,
          expired,
        ),
      openSink: async ({ name }, file) => {
        const share = shares.begin(`${file.name} of ${name}`, file.size);
        const sink = await ReceivedFile.open(resolve(flags.to), file, share.update);
        return {
          offset: sink.offset,
          beginAnew: () => sink.beginAnew(),
          write: (chunk) => sink.write(chunk),
          finish: () => sink.finish(),
          end: async () => {
            share.end();
            await sink.end();
            if (sink.path !== undefined) taking.saved(sink.path);
          },
        };
      },
      onReceived: ({ name }, { name: file }, problem) => {
        if (problem === undefined || problem === 'refused') return;
        failures += 1;
        taking.print(`${visible(file)} of ${visible(name)} was not received: ${visible(problem)}.`);
        taking.ended();
      },
    });
    taking.print(`${visible(flags.name)} is there.`);
    if (!stop.signal.aborted) {
      await new Promise((done) => stop.signal.addEventListener('abort', done));
    }
    await peer.close();
  } finally {
    taking.close();
  }
  process.exitCode = failures === 0 ? EXIT.done : EXIT.failed;
}
