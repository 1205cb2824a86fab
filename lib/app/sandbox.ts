import { spawnSync } from 'node:child_process';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How programs that are graded are kept from doing harm, as far as the system can. */
export interface Sandbox {
  /** What holds here, for people. */
  readonly about: string;
  /** So many processes, each the parent of the next, hold the program and are not part of it. */
  readonly holders: number;
  /** Who has to own the folder, if it is somebody else. */
  readonly owner?: Owner;
  /** What to start so that `command` runs in `folder`, which it can write to. */
  wrap(
    command: string,
    folder: string,
  ): { readonly file: string; readonly args: readonly string[] };
}

/** What can be written to /tmp in there: it is memory. */
const TMP_BYTES = String(256 * 2 ** 20);
/** What a program needs to know of where it runs; tokens and addresses of agents are not for it. */
const ENVIRONMENT = ['PATH', 'LANG', 'LC_ALL', 'JAVA_HOME', 'NODE_PATH', 'PYTHONPATH'];

/** In its own view of the system: all is read-only but its folder, and all its processes end with it. */
const BUBBLEWRAP = [
  ...['--ro-bind', '/', '/', '--size', TMP_BYTES, '--tmpfs', '/tmp'],
  // Sockets of other programs are there, and a read-only folder keeps nobody from talking to them.
  ...['--tmpfs', '/run', '--remount-ro', '/run', '--proc', '/proc'],
  ...['--dev', '/dev', '--size', TMP_BYTES, '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
  // Whoever is root could undo all of it.
  ...['--cap-drop', 'ALL', '--unshare-pid', '--unshare-ipc', '--die-with-parent'],
];

/** Of every Linux: it owns nothing. */
const NOBODY: Owner = { uid: 65_534, gid: 65_534 };
const AS_NOBODY = [
  ...[`--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups'],
  ...['--inh-caps=-all', '--no-new-privs', '--'],
];

/** The best that there is on this machine. */
export function sandbox(): Sandbox {
  return inBubblewrap() ?? asNobody() ?? asYou();
}

function inBubblewrap(): Sandbox | undefined {
  if (process.platform !== 'linux' || !works('bwrap', [...BUBBLEWRAP, '--', 'true'])) {
    return undefined;
  }
  return {
    about: 'a program can write to its own folder only, and no process of it outlives its check',
    // Bubblewrap, and the one of it that is the first process of its namespace.
    holders: 2,
    wrap: (command, folder) => ({
      file: 'bwrap',
      args: [
        ...[...BUBBLEWRAP, '--bind', folder, folder, '--chdir', folder],
        ...['--setenv', 'HOME', folder, '--', 'sh', '-c', command],
      ],
    }),
  };
}

/** In a container, where root may not do what bubblewrap needs, but be somebody else. */
function asNobody(): Sandbox | undefined {
  if (process.getuid?.() !== 0 || !works('setpriv', [...AS_NOBODY, 'sh', '-c', ':']))
    return undefined;
  return {
    about:
      'bubblewrap is not here or not allowed: a program runs as nobody, and can write where everybody can',
    ...{ owner: NOBODY, holders: 0 },
    wrap: (command) => ({ file: 'setpriv', args: [...AS_NOBODY, 'sh', '-c', command] }),
  };
}

function asYou(): Sandbox {
  const about =
    process.platform === 'linux'
      ? 'bubblewrap is not here or not allowed: a program can write wherever you can'
      : 'this system has no bubblewrap: a program can write wherever you can';
  return { about, holders: 0, wrap: (command) => shell(command) };
}

/**
 * What to start to have a network with nothing but loopback, so that several can be graded at the same time.
 * @returns `undefined` where that is not to be had
 */
export function ownNetwork(
  file: string,
  args: readonly string[],
): { readonly file: string; readonly args: readonly string[] } | undefined {
  const wrap = ['--dev-bind', '/', '/', '--unshare-net', '--die-with-parent', '--'];
  if (process.platform !== 'linux' || !works('bwrap', [...wrap, ...NESTED])) return undefined;
  return { file: 'sh', args: ['-c', OBLIVIOUS, 'bwrap', ...wrap, file, ...args] };
}

/** The environment of a program that is graded. */
export function graded(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = process.platform === 'win32' ? Object.keys(process.env) : ENVIRONMENT;
  const known = kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(known), PYTHONUNBUFFERED: '1', ...more };
}

/** Bubblewrap passes no signal on, and what runs in it is killed when it ends: it is to hear of none. */
const OBLIVIOUS = `trap '' INT TERM HUP; exec "$0" "$@"`;

/** Not every system allows one within another. */
const NESTED = ['bwrap', ...BUBBLEWRAP, '--', 'true'];

function works(file: string, args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

function shell(command: string): { file: string; args: readonly string[] } {
  return process.platform === 'win32'
    ? { file: process.env.ComSpec ?? 'cmd.exe', args: ['/d', '/s', '/c', command] }
    : { file: 'sh', args: ['-c', command] };
}
