import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from './exit-status.ts';
import { extractFiles } from './extraction.ts';
import { newCommand } from './flags.ts';

/** `wirelab extract` */
export function extractCommand(): Command {
  return newCommand('extract')
    .description('Write the files that a capture shows, checked for completeness.')
    .argument('<capture>', 'pcapng or pcap, by --capture or by Wireshark, tcpdump, dumpcap')
    .option('--to <folder>', 'where to', '.')
    .action(async (capture: string, { to }: { to: string }) => {
      const areWhole = await extractFiles(capture, resolve(to), (line) => {
        process.stdout.write(`${line}\n`);
      });
      process.exitCode = areWhole ? EXIT.done : EXIT.failed;
    });
}
