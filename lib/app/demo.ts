import type { Command } from 'commander';
import { type CaptureFlags, captureFlags, withCaptureFlags } from './capture.ts';
import { newCommand } from './flags.ts';

/** @param extra flags for the one whose traffic is recorded. */
type Show = (extra: readonly string[]) => Promise<void>;

/** Each is loaded when it is shown. */
const DEMOS: readonly (readonly [name: string, what: string, show: Show])[] = [
  [
    'isend',
    'Show a folder and a message that go straight from one place to another.',
    async (extra) => (await import('./demo-isend.ts')).demoIsend(extra),
  ],
  [
    'relay',
    'Show a relay: one offers a file to three, two take it, one does not.',
    async (extra) => (await import('./demo-relay.ts')).demoRelay(extra),
  ],
  [
    'sent',
    'Show three peers that find each other, and a picture for two of them.',
    async (extra) => (await import('./demo-lan.ts')).demoSent(extra),
  ],
  [
    'lanshare',
    'Show three messengers that find each other, messages, and a picture for two of them.',
    async (extra) => (await import('./demo-lan.ts')).demoLanshare(extra),
  ],
];

/** `wirelab demo`: each protocol, without questions. */
export function demoCommand(): Command {
  const add = (command: Command, show: Show): Command =>
    withCaptureFlags(command).action((flags: CaptureFlags) => show(captureFlags(flags)));
  const demo = add(
    newCommand('demo').description(
      'Show a server, two clients, messages and a download over a path with losses.',
    ),
    async (extra) => (await import('./demo-classroom.ts')).demoClassroom(extra),
  ).enablePositionalOptions();
  for (const [name, what, show] of DEMOS) {
    demo.addCommand(add(newCommand(name).description(what), show));
  }
  return demo;
}
