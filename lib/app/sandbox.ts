import { spawnSync } from 'node:child_process';
import { usersOfProcesses } from './process-tree.ts';

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
  /** Ends at once whatever a program has left behind, where it can be told from others. */
  readonly sweep?: () => void;
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

/** Between those of people and those that systems give to services: it owns nothing, and no other program runs by it. */
const FIRST_UID = 61_000;
const MOST_UIDS = 1000;

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
  if (process.getuid?.() !== 0) return undefined;
  const taken = usersOfProcesses();
  const uids = Array.from({ length: MOST_UIDS }, (_, at) => FIRST_UID + at);
  const uid = uids.find((one) => !taken.has(one)) ?? FIRST_UID;
  const as = (command: string): string[] => [
    ...[`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
    ...['--inh-caps=-all', '--no-new-privs', '--', 'sh', '-c', command],
  ];
  if (!works('setpriv', as(':'))) return undefined;
  return {
    about:
      'bubblewrap is not here or not allowed: a program runs as a user who owns nothing, and can write where everybody can',
    ...{ owner: { uid, gid: uid }, holders: 0 },
    wrap: (command) => ({ file: 'setpriv', args: as(command) }),
    // All that this user may signal: even what has left its parents.
    sweep: () => void works('setpriv', as('kill -9 -1')),
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
const OBLIVIOUS = `trap '' INT TERM HUP QUIT; exec "$0" "$@"`;

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
