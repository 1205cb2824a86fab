/**
 * Hosts with cables between them, for programs that find each other by broadcast: network namespaces
 * of Linux. The bridges are in a namespace of their own, so that nothing outside is touched.
 */
import { execFile, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Program, REPOSITORY } from '../app/programs.ts';
import { until } from '../net/waiting.ts';
import { TemporaryFolder } from '../storage/folder.ts';

/** Whoever finds one of these knows which process it belongs to. */
const PREFIX = 'wirelab-lan';
/** Longer than a burst of TCP, so that the rate is what was asked for. */
const QUEUE = ['burst', '128kb', 'latency', '100ms'];
/** The longest that anything is waited for; it ends what hangs, and says nothing about speed. */
export const PATIENCE_MS = 30_000;

const execute = promisify(execFile);
let made = 0;

async function ip(...args: readonly string[]): Promise<string> {
  return (await execute('ip', [...args])).stdout;
}

/** What this machine lacks for such hosts, and how to get it; `undefined` when it lacks nothing. */
export function whyNoHosts(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (process.getuid?.() !== 0) return 'root (sudo npm test)';
  for (const tool of ['ip', 'tc']) {
    if (spawnSync(tool, ['-V']).status !== 0) return `${tool} (Debian: apt-get install iproute2)`;
  }
  const name = `${PREFIX}-${process.pid}-probe`;
  const attempts = [
    ['ip', 'netns', 'add', name],
    ['ip', 'netns', 'exec', name, 'ip', 'link', 'set', 'lo', 'up'],
    ['ip', '-n', name, 'link', 'add', 'name', 'probe0', 'type', 'bridge'],
    ['ip', '-n', name, 'link', 'add', 'name', 'probe1', 'type', 'veth', 'peer', 'name', 'probe2'],
    ['tc', '-n', name, 'qdisc', 'add', 'dev', 'probe1', 'root', 'tbf', 'rate', '1mbit', ...QUEUE],
  ];
  try {
    for (const [command = '', ...args] of attempts) {
      const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
      if (status === 0) continue;
      const how = 'in a container: --privileged; modules bridge, veth and sch_tbf of the kernel';
      return `permission for network namespaces (${how}): ${args.join(' ')}: ${stderr.trim()}`;
    }
    return undefined;
  } finally {
    spawnSync('ip', ['netns', 'delete', name]);
  }
}

/**
 * Builds the programs into a folder: from the sources each start takes seconds of a processor, and
 * there are many. Types are not looked at; that is done elsewhere.
 */
async function build(folder: string): Promise<void> {
  await mkdir(folder);
  for (const name of ['node_modules', 'package.json']) {
    await symlink(join(REPOSITORY, name), join(folder, name));
  }
  const program = join(REPOSITORY, 'lib/build.mjs');
  await execute(process.execPath, [program, join(folder, 'dist')]);
}

/** The namespaces of test runs that were killed, with all that still runs in them. */
async function removeStale(): Promise<void> {
  for (const [name, pid] of (await ip('netns', 'list')).matchAll(/^wirelab-lan-(\d+)-\S+/gm)) {
    if (!lives(Number(pid))) await removeNamespace(name);
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Programs in it are ended: otherwise it would live on without a name. */
async function removeNamespace(name: string): Promise<void> {
  const pids = await ip('netns', 'pids', name).catch(() => '');
  for (const pid of pids.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  // Another run may have removed it meanwhile.
  await ip('netns', 'delete', name).catch(() => undefined);
}

/** So vitest ends its processes; without this nothing would be done at the exit. */
function exitOnSignal(): void {
  process.exit(128 + constants.signals.SIGTERM);
}

/** Networks, and the hosts on them. Disposing of it ends the programs and removes everything. */
export class Lan implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly #id = `${PREFIX}-${process.pid}-${made++}`;
  readonly #namespaces: string[] = [];
  readonly #bridges = new Map<string, string>();
  readonly #programs: Program[] = [];
  #ports = 0;
  /** A test that was cut off by its time limit cleans up nothing. */
  readonly #removeAtExit = (): void => {
    for (const name of this.#namespaces) spawnSync('ip', ['netns', 'delete', name]);
    rmSync(this.folder.path, { recursive: true, force: true });
  };

  private constructor(folder: TemporaryFolder) {
    this.folder = folder;
    process.once('exit', this.#removeAtExit);
    process.once('SIGTERM', exitOnSignal);
  }

  static async make(): Promise<Lan> {
    await removeStale();
    const lan = new Lan(await TemporaryFolder.make());
    try {
      await build(lan.#programFolder);
      await lan.addNamespace('switch');
      return lan;
    } catch (error) {
      await lan[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * One more host. Those whose addresses are of one network (/24) have a bridge together.
   * @param addresses each for an interface of its own.
   */
  async host(name: string, ...addresses: readonly [string, ...string[]]): Promise<Host> {
    const namespace = await this.addNamespace(name);
    const cables: Cable[] = [];
    for (const address of addresses) {
      const device = `eth${cables.length}`;
      const port = `port${this.#ports++}`;
      const bridge = await this.#bridgeFor(address);
      const peer = ['peer', 'name', device, 'netns', namespace];
      await this.atSwitch('link', 'add', 'name', port, 'type', 'veth', ...peer);
      await this.atSwitch('link', 'set', port, 'master', bridge, 'up');
      cables.push({ device, port, address });
    }
    const folder = join(this.folder.path, name);
    await mkdir(folder);
    const host = new Host(this, namespace, folder, cables);
    await host.setUp();
    return host;
  }

  get #programFolder(): string {
    return join(this.folder.path, 'programs');
  }

  /** `wirelab` for node. */
  get cli(): string {
    return join(this.#programFolder, 'dist/cli.js');
  }

  async addNamespace(name: string): Promise<string> {
    const namespace = `${this.#id}-${name}`;
    this.#namespaces.push(namespace);
    await ip('netns', 'add', namespace);
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return namespace;
  }

  async atSwitch(...args: readonly string[]): Promise<void> {
    await ip('-n', `${this.#id}-switch`, ...args);
  }

  async shape(words: readonly string[]): Promise<void> {
    await execute('tc', ['-n', `${this.#id}-switch`, 'qdisc', ...words]);
  }

  /** It is ended with the LAN. */
  keep(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    for (const name of this.#namespaces) await removeNamespace(name);
    process.off('exit', this.#removeAtExit);
    process.off('SIGTERM', exitOnSignal);
    await this.folder[Symbol.asyncDispose]();
  }

  async #bridgeFor(address: string): Promise<string> {
    const network = address.replace(/\.\d+$/, '');
    const known = this.#bridges.get(network);
    if (known !== undefined) return known;
    const bridge = `bridge${this.#bridges.size}`;
    this.#bridges.set(network, bridge);
    await this.atSwitch('link', 'add', 'name', bridge, 'type', 'bridge');
    await this.atSwitch('link', 'set', bridge, 'up');
    return bridge;
  }
}

interface Cable {
  /** At the host, and at the switch. */
  readonly device: string;
  readonly port: string;
  address: string;
}

/** One machine, with a cable to each of its networks. */
export class Host {
  /** For its files; it is there. */
  readonly folder: string;
  readonly #lan: Lan;
  readonly #namespace: string;
  readonly #cables: readonly Cable[];

  constructor(lan: Lan, namespace: string, folder: string, cables: readonly Cable[]) {
    this.#lan = lan;
    this.#namespace = namespace;
    this.folder = folder;
    this.#cables = cables;
  }

  async setUp(): Promise<void> {
    for (const cable of this.#cables) {
      await this.#address('add', cable);
      await this.#ip('link', 'set', cable.device, 'up');
    }
    await this.#isConnected();
  }

  /** On its first network. */
  get address(): string {
    return this.#cable(0).address;
  }

  /** Any program. `ip` becomes it: signals come to the program itself. */
  start(command: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const args = ['netns', 'exec', this.#namespace, ...command];
    return this.#lan.keep(new Program('ip', args, { env: { ...process.env, ...env } }));
  }

  wirelab(args: readonly string[], env?: NodeJS.ProcessEnv): Program {
    return this.start([process.execPath, this.#lan.cli, ...args], env);
  }

  /** Pulls the cable out at the switch: the host keeps its address, and hears nothing. */
  async unplug(): Promise<void> {
    for (const { port } of this.#cables) await this.#lan.atSwitch('link', 'set', port, 'down');
  }

  async plug(): Promise<void> {
    for (const { port } of this.#cables) await this.#lan.atSwitch('link', 'set', port, 'up');
    await this.#isConnected();
  }

  /** Gives it another address on its first network, under what runs there. */
  async move(to: string): Promise<void> {
    const cable = this.#cable(0);
    await this.#address('delete', cable);
    cable.address = to;
    await this.#address('add', cable);
  }

  /** What comes to it from its first network comes so fast, in Mbit/s; by default as it can. */
  async limit(rate?: number): Promise<void> {
    const at = ['dev', this.#cable(0).port, 'root'];
    const how = ['tbf', 'rate', `${rate}mbit`, ...QUEUE];
    await this.#lan.shape(rate === undefined ? ['delete', ...at] : ['replace', ...at, ...how]);
  }

  /** From its first network so far, headers included. */
  async bytesReceived(): Promise<number> {
    const shown = await this.#ip('-json', '-statistics', 'link', 'show', this.#cable(0).device);
    const [link] = JSON.parse(shown) as { stats64: { rx: { bytes: number } } }[];
    return link?.stats64.rx.bytes ?? Number.NaN;
  }

  /** The system tells programs with a delay that a cable is in. */
  async #isConnected(): Promise<void> {
    for (const { device } of this.#cables) {
      const isUp = async () => (await this.#ip('link', 'show', device)).includes(' state UP ');
      await until(`${device} of ${this.#namespace}`, isUp);
    }
  }

  async #address(verb: 'add' | 'delete', { address, device }: Cable): Promise<void> {
    await this.#ip('address', verb, `${address}/24`, 'broadcast', '+', 'dev', device);
  }

  #ip(...args: readonly string[]): Promise<string> {
    return ip('-n', this.#namespace, ...args);
  }

  #cable(index: number): Cable {
    const cable = this.#cables[index];
    if (cable === undefined) throw new Error(`there is no interface ${index}`);
    return cable;
  }
}

/** Somebody at a host, with a program that finds the others, and what he does with it. */
export abstract class Person implements AsyncDisposable {
  readonly name: string;
  readonly host: Host;
  readonly program: Program;
  /** The numbers of lines that were waited for. */
  readonly #found = new Set<number>();

  constructor(name: string, host: Host, args: readonly string[], env?: NodeJS.ProcessEnv) {
    this.name = name;
    this.host = host;
    this.program = host.wirelab(args, env);
  }

  /** Resolves when its program listens. */
  abstract isThere(): Promise<void>;
  /** Resolves when somebody has come, or has left. */
  abstract sees(name: string, address: string, limit?: number): Promise<void>;
  abstract misses(name: string, address: string, limit?: number): Promise<void>;
  /** Who is there now: `name address`, sorted. */
  abstract everybody(): Promise<readonly string[]>;
  /** @param to an address; where the program knows names, one of them. */
  abstract offer(path: string, to: string): void;
  /** Takes what is offered next. */
  abstract accept(): Promise<void>;
  /** Resolves when the other one has the file. */
  abstract hasSent(name: string): Promise<void>;
  /** Why a transfer to him, or from him, has failed. */
  abstract hasFailed(name: string, limit?: number): Promise<string>;
  /** Resolves with the path of what came. */
  abstract hasReceived(): Promise<string>;
  /** Says goodbye. */
  abstract leave(): Promise<void>;

  /** As when the machine loses its power. */
  async die(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }

  get lines(): readonly string[] {
    return this.program.stdout.split('\n').slice(0, -1);
  }

  /**
   * The first line of which `find` makes something; each line is found once.
   * @param from lines before this one are not looked at.
   */
  protected async next<T>(
    what: string,
    find: (line: string) => T | undefined,
    { limit = PATIENCE_MS, from = 0 }: { limit?: number | undefined; from?: number } = {},
  ): Promise<T> {
    let found: T | undefined;
    const look = (): boolean => {
      const { lines } = this;
      for (let at = from; at < lines.length; at += 1) {
        if (this.#found.has(at)) continue;
        found = find(lines[at] ?? '');
        if (found === undefined) continue;
        this.#found.add(at);
        return true;
      }
      return false;
    };
    await until(what, look, limit).catch((error: Error) => {
      const { stdout, stderr } = this.program;
      throw new Error(`${this.name} ${error.message}:\n${stdout}\n${stderr}`);
    });
    return found as T;
  }
}

/** With a session of `wirelab sent`. */
export class SentPerson extends Person {
  constructor(name: string, host: Host, env?: NodeJS.ProcessEnv) {
    super(name, host, ['sent', '--name', name, '--to', host.folder], env);
  }

  async isThere(): Promise<void> {
    await this.#says(`${this.name} is there.`);
  }

  async sees(name: string, address: string, limit?: number): Promise<void> {
    await this.#says(`${name} (${address}) is there.`, limit);
  }

  async misses(name: string, address: string, limit?: number): Promise<void> {
    await this.#says(`${name} (${address}) has left.`, limit);
  }

  async everybody(): Promise<readonly string[]> {
    const from = this.lines.length;
    // Commands are carried out one after the other: behind the second, the list is whole.
    this.program.enter('list', 'is-that-all');
    await this.next('the end of the list', (line) => line === '> is-that-all' || undefined);
    return this.lines
      .slice(from)
      .flatMap((line) => {
        const [, name, address] = /^ {2}(\S+) \(([\d.]+)\)$/.exec(line) ?? [];
        return name === undefined ? [] : [`${name} ${address}`];
      })
      .sort();
  }

  offer(path: string, to: string): void {
    this.program.enter(`send ${path} ${to}`);
  }

  async accept(): Promise<void> {
    await this.next('a question', (line) => line.endsWith('Take it? (yes/no)') || undefined);
    this.program.enter('yes');
  }

  async hasSent(name: string): Promise<void> {
    await this.#says(`${name} has it.`);
  }

  hasFailed(name: string, limit?: number): Promise<string> {
    const starts = [`${name} has not got it: `, `of ${name} was not received: `];
    return this.next(
      'a failure',
      (line) => {
        const start = starts.find((words) => line.includes(words));
        return start && line.slice(line.indexOf(start) + start.length);
      },
      { limit },
    );
  }

  hasReceived(): Promise<string> {
    return this.next('a file', (line) => /^Saved as (.*)\.$/.exec(line)?.[1]);
  }

  async complaint(): Promise<string> {
    return this.next('a complaint', (line) => /^That did not work: (.*)\.$/.exec(line)?.[1]);
  }

  async leave(): Promise<void> {
    this.program.enter('quit');
    await this.program.exit;
  }

  async #says(wanted: string, limit?: number): Promise<void> {
    await this.next(wanted, (line) => line === wanted || undefined, { limit });
  }
}

type WireEvent = Readonly<Record<string, string>>;

/** With an engine of lanshare: the lines that a front end writes and reads. */
export class LansharePerson extends Person {
  constructor(name: string, host: Host, env?: NodeJS.ProcessEnv) {
    super(name, host, ['lanshare', 'engine', '--username', name, '--no-websocket'], env);
  }

  async isThere(): Promise<void> {
    await this.hears({ content: 'ready' });
  }

  async sees(name: string, address: string, limit?: number): Promise<void> {
    await this.hears({ stat: 'online', username: name, ip: address }, limit);
  }

  async misses(name: string, address: string, limit?: number): Promise<void> {
    await this.hears({ stat: 'offline', username: name, ip: address }, limit);
  }

  async everybody(): Promise<readonly string[]> {
    const from = this.lines.length;
    this.say({ stat: 'reshs' });
    this.say({ stat: 'is that all?' });
    await this.hears({ content: 'badCommand' });
    return this.lines
      .slice(from)
      .map((line) => JSON.parse(line) as WireEvent)
      .filter(({ stat }) => stat === 'online')
      .map(({ username, ip: address }) => `${username} ${address}`)
      .sort();
  }

  offer(path: string, to: string): void {
    this.say({ stat: 'creq', ip: to, dir: path });
  }

  async accept(): Promise<void> {
    const { ip: from, dir } = await this.hears({ stat: 'rreq' });
    this.say({ stat: 'cacp', ip: from, dir, dest: this.host.folder });
  }

  async hasSent(name: string): Promise<void> {
    await this.hears({ stat: 'dprg', username: name });
  }

  async hasFailed(name: string, limit?: number): Promise<string> {
    const { reason = '' } = await this.hears({ content: 'failure', about: 'fprg' }, limit);
    await this.hears({ stat: 'fprg', username: name });
    return reason;
  }

  async hasReceived(): Promise<string> {
    const { path = '' } = await this.hears({ content: 'saved' });
    await this.hears({ stat: 'dprg' });
    return path;
  }

  async leave(): Promise<void> {
    this.program.endInput();
    await this.program.exit;
  }

  say(command: Readonly<Record<string, string | undefined>>): void {
    this.program.enter(JSON.stringify(command));
  }

  /** The next event with these fields. */
  async hears(fields: WireEvent, limit?: number): Promise<WireEvent> {
    return this.next(
      JSON.stringify(fields),
      (line) => {
        const event = JSON.parse(line) as WireEvent;
        const fits = Object.entries(fields).every(([name, value]) => event[name] === value);
        return fits ? event : undefined;
      },
      { limit },
    );
  }
}
