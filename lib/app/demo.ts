import type { Command } from 'commander';
import { newCommand } from './flags.ts';

/** Each is loaded when it is shown. */
const DEMOS: readonly (readonly [name: string, what: string, show: () => Promise<void>])[] = [
  [
    'isend',
    'Show a folder and a message that go straight from one place to another.',
    async () => (await import('./demo-isend.ts')).demoIsend(),
  ],
  [
    'relay',
    'Show a relay: one offers a file to three, two take it, one does not.',
    async () => (await import('./demo-relay.ts')).demoRelay(),
  ],
  [
    'sent',
    'Show three peers that find each other, and a picture for two of them.',
    async () => (await import('./demo-lan.ts')).demoSent(),
  ],
  [
    'lanshare',
    'Show three messengers that find each other, messages, and a picture for two of them.',
    async () => (await import('./demo-lan.ts')).demoLanshare(),
  ],
];

/** `wirelab demo`: each protocol, without questions. */
export function demoCommand(): Command {
  const demo = newCommand('demo')
    .description('Show a server, two clients, messages and a download over a path with losses.')
    .action(async () => (await import('./demo-classroom.ts')).demoClassroom());
  for (const [name, what, show] of DEMOS) {
    demo.addCommand(newCommand(name).description(what).action(show));
  }
  return demo;
}
