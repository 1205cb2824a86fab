import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { fastPayload, segment } from '../../lib/udp-reliable/segment.ts';
import type { LinkSettings } from './link.ts';
import { ADDRESS, DEVICE } from './path.ts';

const run = promisify(execFile);
const NODE = process.execPath;
const WIRELAB = join(import.meta.dirname, '../../dist/cli.js');

/** Where the side that waits listens, whatever the tool; even, as udpcast wants it. */
export const PORT = 9400;
const port = String(PORT);

/** One file that is to go from the server's side to the client's. */
export interface Job {
  /** The folder and the name of the file, and both together. */
  readonly folder: string;
  readonly name: string;
  readonly file: string;
  /** Where it is to arrive, under the same name. */
  readonly outFolder: string;
  readonly out: string;
  /** For keys, settings and the like; empty at the beginning. */
  readonly scratch: string;
  readonly link: LinkSettings;
  /** The folder with the `node_modules` of the tools that are libraries, if the user named one. */
  readonly modules: string | undefined;
}

/** A program and its arguments. */
export type Command = readonly string[];

export interface Tool {
  readonly name: string;
  /** What it is, in the table of results. */
  readonly title: string;
  /** Commands that it needs, and the Debian packages that have them. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Package of npm that it needs. */
  readonly module?: string;
  /** What TCP does. */
  readonly congestion?: 'cubic' | 'bbr';
  /** The side that has the file is the one that begins, and the one that is timed. */
  readonly pushes?: true;
  /** Writes what the commands need into `scratch`. */
  readonly prepare?: (job: Job) => Promise<unknown>;
  /** The side that waits. */
  readonly serve: (job: Job) => Command;
  /** The side that begins. Its whole run is what is timed. */
  readonly fetch: (job: Job) => Command;
  /** Datagrams that a file of so many bytes takes: what arrives beyond them was sent in vain. */
  readonly parts?: (link: LinkSettings, size: number) => number;
}

export const wirelab: Tool = {
  name: 'wirelab',
  title: '`wirelab get`',
  serve: ({ folder }) => [NODE, WIRELAB, 'serve', '--files', folder, '--ports', port, '--quiet'],
  fetch: ({ name, out }) => [
    ...[NODE, WIRELAB, 'get', name, '--server', ADDRESS.server, '--port', port],
    ...['--out', out, '--yes'],
  ],
  parts: ({ mtu }, size) => segment(size, fastPayload(mtu, ADDRESS.server)).count,
};

export const socatCubic = socat('cubic');

function socat(congestion: 'cubic' | 'bbr'): Tool {
  const blocks = ['-u', '-b', '1048576'];
  return {
    name: `socat-${congestion}`,
    title: `socat, TCP ${congestion.toUpperCase()}`,
    packages: { socat: 'socat' },
    congestion,
    serve: ({ file }) => ['socat', ...blocks, `FILE:${file}`, `TCP-LISTEN:${port},reuseaddr`],
    fetch: ({ out }) => ['socat', ...blocks, `TCP:${ADDRESS.server}:${port}`, `CREATE:${out}`],
  };
}

const rsync: Tool = {
  name: 'rsync',
  title: 'rsync daemon, TCP BBR',
  packages: { rsync: 'rsync' },
  congestion: 'bbr',
  prepare: ({ scratch, folder }) => {
    const settings = ['use chroot = no', 'uid = root', 'gid = root', '[files]', `path = ${folder}`];
    return writeFile(join(scratch, 'rsyncd.conf'), `${settings.join('\n')}\n`);
  },
  serve: ({ scratch }) => [
    ...['rsync', '--daemon', '--no-detach', '--port', port],
    ...['--config', join(scratch, 'rsyncd.conf')],
  ],
  fetch: ({ name, out }) => [
    ...['rsync', '--whole-file', '--inplace'],
    ...[`rsync://${ADDRESS.server}:${port}/files/${name}`, out],
  ],
};

const scp: Tool = {
  name: 'scp',
  title: 'scp, TCP BBR',
  packages: { sshd: 'openssh-server', scp: 'openssh-client' },
  congestion: 'bbr',
  prepare: async ({ scratch }) => {
    for (const key of ['host', 'user']) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(scratch, key)]);
    }
    // Where sshd puts itself before it knows who is there; usually made when the system starts.
    await mkdir('/run/sshd', { recursive: true });
    const settings = [
      `HostKey ${join(scratch, 'host')}`,
      `AuthorizedKeysFile ${join(scratch, 'user.pub')}`,
      'PermitRootLogin prohibit-password',
      // The keys are in a folder for temporary files, which is everybody's.
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'Subsystem sftp internal-sftp',
    ];
    await writeFile(join(scratch, 'sshd_config'), `${settings.join('\n')}\n`);
  },
  serve: ({ scratch }) => ['sshd', '-D', '-e', '-p', port, '-f', join(scratch, 'sshd_config')],
  fetch: ({ scratch, file, out }) => [
    ...['scp', '-q', '-F', '/dev/null', '-P', port, '-i', join(scratch, 'user')],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...['-o', 'LogLevel=ERROR', `root@${ADDRESS.server}:${file}`, out],
  ],
};

const uftp: Tool = {
  name: 'uftp',
  title: 'uftp, told 90 % of the rate',
  packages: { uftp: 'uftp', uftpd: 'uftp' },
  pushes: true,
  serve: ({ outFolder }) => [
    ...['uftpd', '-d', '-p', port, '-I', ADDRESS.client],
    ...['-D', outFolder, '-B', '4194304'],
  ],
  fetch: ({ file, link }) => [
    ...['uftp', '-p', port, '-I', ADDRESS.server, '-M', ADDRESS.client, '-B', '4194304'],
    // Its manual wants 100 to 200 bytes for headers.
    ...['-b', String(link.mtu - 100), '-R', String(Math.floor(link.rate * 900)), file],
  ],
};

const udpcast: Tool = {
  name: 'udpcast',
  title: 'udpcast',
  packages: { 'udp-sender': 'udpcast', 'udp-receiver': 'udpcast' },
  pushes: true,
  serve: ({ out }) => [
    ...['udp-receiver', '--nokbd', '--interface', DEVICE, '--portbase', port],
    ...['--mcast-rdv-address', ADDRESS.server, '--file', out],
  ],
  fetch: ({ file, link }) => [
    ...['udp-sender', '--nokbd', '--interface', DEVICE, '--portbase', port, '--pointopoint'],
    ...['--mcast-rdv-address', ADDRESS.client, '--min-receivers', '1'],
    // Over a path that loses, the first word may be lost. 1456 is the most that it takes.
    ...['--rexmit-hello-interval', '200', '--full-duplex'],
    ...['--blocksize', String(Math.min(1456, link.mtu - 44)), '--file', file],
  ],
};

const atftp: Tool = {
  name: 'atftp',
  title: 'atftp, a window of 64 blocks',
  packages: { atftp: 'atftp', atftpd: 'atftpd' },
  serve: ({ folder }) => [
    ...['atftpd', '--daemon', '--no-fork', '--user', 'root.root', '--logfile', '-'],
    ...['--port', port, '--bind-address', ADDRESS.server, '--retry-timeout', '1', folder],
  ],
  fetch: ({ name, out, link }) => [
    ...['atftp', '--option', 'windowsize 64', '--option', `blksize ${link.mtu - 32}`],
    ...['--option', 'timeout 1', '--get', '--remote-file', name, '--local-file', out],
    ...[ADDRESS.server, port],
  ],
};

const nodeHttp: Tool = {
  name: 'node-http',
  title: 'Node.js http, TCP BBR',
  congestion: 'bbr',
  ...nodeTool('http'),
};
const udx: Tool = { ...npmTool('udx-native'), ...nodeTool('udx') };
const utp: Tool = { ...npmTool('utp-native'), ...nodeTool('utp') };
const quic: Tool = {
  ...npmTool('@matrixai/quic'),
  packages: { openssl: 'openssl' },
  ...nodeTool('quic', async ({ scratch }) => {
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=wirelab', '-keyout', join(scratch, 'key.pem')],
      ...['-out', join(scratch, 'certificate.pem')],
    ]);
  }),
};

function npmTool(module: string): Pick<Tool, 'name' | 'title' | 'module'> {
  return { name: module.split('/').at(-1) ?? module, title: module, module };
}

/** One of those in node-tools.mjs. */
function nodeTool(
  kind: string,
  prepare: (job: Job) => Promise<unknown> = async () => undefined,
): Pick<Tool, 'prepare' | 'serve' | 'fetch'> {
  const command = ({ scratch }: Job, side: 'serve' | 'get', file: string): Command => [
    ...[NODE, join(scratch, 'node-tools.mjs'), kind, side, ADDRESS.server, port, file],
    ...[join(scratch, 'key.pem'), join(scratch, 'certificate.pem')],
  ];
  return {
    prepare: async (job) => {
      // Imports are looked up beside the file that has them.
      await copyFile(
        join(import.meta.dirname, 'node-tools.mjs'),
        join(job.scratch, 'node-tools.mjs'),
      );
      if (job.modules !== undefined) {
        await symlink(resolve(job.modules, 'node_modules'), join(job.scratch, 'node_modules'));
      }
      await prepare(job);
    },
    serve: (job) => command(job, 'serve', job.file),
    fetch: (job) => command(job, 'get', job.out),
  };
}

export const TOOLS: readonly Tool[] = [
  ...[wirelab, socatCubic, socat('bbr'), rsync, scp, nodeHttp],
  ...[uftp, udpcast, atftp, udx, utp, quic],
];
