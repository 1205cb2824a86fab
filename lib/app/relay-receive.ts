import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { logInOf, type RelayFlags, withRelayFlags } from './relay-flags.ts';
import { RelayMember } from './relay-member.ts';
import { onStopSignal } from './stop-signals.ts';
import { Taking, type TakingFlags, withTakingFlags } from './taking.ts';

/** `wirelab relay receive` */
export function relayReceiveCommand(): Command {
  const command = newCommand('receive').description(
    'Be there, and take what is offered. Prints where it is.',
  );
  return withTakingFlags(withRelayFlags(command)).action(receive);
}

async function receive(flags: RelayFlags & TakingFlags): Promise<void> {
  const logIn = logInOf(flags);
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const taking = new Taking(flags, stop);
  const member = new RelayMember({
    logIn,
    folder: resolve(flags.to),
    decide: (question, expired) => taking.decide(question, expired),
    view: { print: (text) => taking.print(text), bar: taking.bar },
    onReceived: (path) => taking.saved(path),
    onFailed: () => taking.ended(),
  });
  try {
    await member.stay(stop.signal);
  } finally {
    taking.close();
  }
  process.exitCode = member.failures === 0 ? EXIT.done : EXIT.failed;
}
