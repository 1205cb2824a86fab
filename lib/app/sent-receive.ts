import { resolve } from 'node:path';
import type { Command } from 'commander';
import { visible } from '../core/text.ts';
import { EXIT } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { type SentFlags, startPeer, withSentFlags } from './sent-flags.ts';
import { sentInbox } from './sent-inbox.ts';
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
  let failures = 0;
  try {
    await using peer = await startPeer(
      flags,
      sentInbox({
        folder: resolve(flags.to),
        shares: new Shares(taking.bar),
        isWanted: (question, expired) => taking.decide(question, expired),
        onSaved: (path) => taking.saved(path),
        onFailed: (what, wanted) => {
          taking.print(what);
          if (!wanted) return;
          failures += 1;
          taking.ended();
        },
      }),
    );
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
