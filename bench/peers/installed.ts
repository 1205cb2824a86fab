import { access, readFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Command, Tool } from './tools.ts';

const CONGESTION = '/proc/sys/net/ipv4/tcp_available_congestion_control';

/**
 * What has to be done before a tool can run here; `undefined` when it can.
 * @param modules the folder with the `node_modules` of the tools that are libraries.
 */
export async function missing(
  { packages = {}, congestion, module }: Pick<Tool, 'packages' | 'congestion' | 'module'>,
  modules?: string,
): Promise<string | undefined> {
  for (const [command, debianPackages] of Object.entries(packages)) {
    if ((await find(command)) === undefined) return `apt-get install ${debianPackages}`;
  }
  if (congestion !== undefined) {
    const available = (await readFile(CONGESTION, 'utf8')).trim().split(' ');
    if (!available.includes(congestion)) return `modprobe tcp_${congestion}`;
  }
  if (module === undefined) return undefined;
  const installed = join(modules ?? '', 'node_modules', module, 'package.json');
  if (modules !== undefined && (await exists(installed))) return undefined;
  return `npm install --prefix FOLDER ${module}, then --modules FOLDER`;
}

/** The command with the whole path of its program, as sshd wants to be started. */
export async function located([program = '', ...words]: Command): Promise<Command> {
  return [(await find(program)) ?? program, ...words];
}

/** Servers are in folders where a shell may not look. */
async function find(program: string): Promise<string | undefined> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = resolve(folder, program);
    if (await exists(path)) return path;
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
