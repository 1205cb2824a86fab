import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { ProtocolError } from '../core/errors.ts';
import { LineFramer } from '../core/line-framer.ts';
import { visible } from '../core/text.ts';
import { encodeEvent, MAX_OBJECT_BYTES } from '../lanshare/codec.ts';
import type { Event } from '../lanshare/messages.ts';
import { FrontEndSockets } from '../net/front-end-sockets.ts';
import { LanshareEngine } from '../net/lanshare-engine.ts';
import { describeForPeer } from '../storage/disk-full.ts';
import { prepareToHash } from '../storage/file-hash.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand, parsePortOrZeroFlag } from './flags.ts';
import { checkFolder, UploadFiles } from './lanshare-files.ts';
import { type LanshareFlags, withLanshareFlags } from './lanshare-flags.ts';
import { ReceivedFile } from './received-file.ts';
import { onStopSignal } from './stop-signals.ts';

const WEBSOCKET_PORT = 9997;
const TOKEN_BYTES = 16;
const CHANNELS = ['/cmd', '/hs', '/sr', '/msg'] as const;
type Channel = (typeof CHANNELS)[number];

/** A front end that reads nothing gets no more reports; and is given up when even that is too much. */
const LAGGING_BYTES = 1_048_576;
const MAX_UNREAD_BYTES = 67_108_864;
/** Saying goodbye takes no longer. */
const FAREWELL_MS = 2000;

interface EngineFlags extends LanshareFlags {
  readonly websocket: boolean;
  readonly websocketPort: number;
  readonly origin: readonly string[];
}

/** `wirelab lanshare engine` */
export function lanshareEngineCommand(): Command {
  const command = newCommand('engine').description(
    'The engine behind a front end: commands on standard input, events on standard output.',
  );
  return withLanshareFlags(command)
    .option('--no-websocket', 'no WebSocket for front ends in a browser')
    .option('--websocket-port <port>', 'for it; 0: any', parsePortOrZeroFlag, WEBSOCKET_PORT)
    .addOption(
      new Option(
        '--origin <origin>',
        'pages of this origin may use the WebSocket too; can be repeated',
      )
        .argParser((value: string, before: readonly string[]) => [...before, value])
        .default([], 'this machine only'),
    )
    .action(async (flags: EngineFlags) => {
      await new EngineProgram(flags).run();
    });
}

/** One engine, a front end at its standard streams, and those in browsers. */
class EngineProgram {
  readonly #flags: EngineFlags;
  readonly #lines = new LineFramer(MAX_OBJECT_BYTES);
  #engine: LanshareEngine | undefined;
  #sockets: FrontEndSockets<Channel> | undefined;
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor(flags: EngineFlags) {
    this.#flags = flags;
  }

  async run(): Promise<void> {
    onStopSignal(this.#stop);
    const engine = await this.#start();
    this.#engine = engine;
    if (this.#flags.websocket) await this.#openSockets(engine);
    this.#tell({ type: 'info', content: 'ready' });
    // Without a front end there is nobody to do anything for, however it went.
    process.stdin.on('end', this.#stop).on('error', this.#stop);
    process.stdin.on('data', (chunk) => this.#onInput(chunk));
    await this.#stopped;
    // Whatever hangs: no engine outlives its front end.
    setTimeout(() => process.exit(EXIT.done), FAREWELL_MS).unref();
    await Promise.all([engine.close(), this.#sockets?.close()]);
    process.stdin.destroy();
    // What was told last is still to be read.
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    process.exit(EXIT.done);
  }

  async #start(): Promise<LanshareEngine> {
    prepareToHash();
    const { username, ip, broadcast, udpPort, tcpPort, dataPort } = this.#flags;
    const files = new UploadFiles();
    try {
      return await LanshareEngine.start({
        ...{ username, ip, broadcast, udpPort, tcpPort, dataPort },
        openFile: (path) => files.open(path),
        checkFolder,
        openSink: (folder, header) => ReceivedFile.open(folder, header, () => undefined),
        describe: describeForPeer,
        onEvent: (event) => this.#tell(event),
        log,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new UserError(`${why}; --udp-port, --tcp-port and --ip name others`);
    }
  }

  async #openSockets(engine: LanshareEngine): Promise<void> {
    const { ip, websocketPort, origin } = this.#flags;
    // Engines that share a machine have an address each.
    const host = ip?.startsWith('127.') ? ip : '127.0.0.1';
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    try {
      this.#sockets = await FrontEndSockets.open({
        ...{ host, port: websocketPort, channels: CHANNELS, token, origins: origin },
        maxBytes: MAX_OBJECT_BYTES,
        onOpen: (channel, send) => {
          if (channel !== '/hs') return;
          for (const person of engine.people) {
            send(encodeEvent({ type: 'presence', status: 'online', person }));
          }
        },
        onMessage: (channel, text) => {
          if (channel === '/cmd') engine.handle(text);
        },
      });
      log(`WebSocket: ws://${host}:${this.#sockets.port}/cmd?token=${token} (and /hs, /sr, /msg)`);
    } catch (error) {
      log(`no WebSocket: port ${websocketPort}: ${(error as Error).message}`);
    }
  }

  #onInput(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) {
        if (line.trim() !== '') this.#engine?.handle(line);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const reason = `a command has at most ${MAX_OBJECT_BYTES} bytes`;
      this.#tell({ type: 'info', content: 'badCommand', reason });
      this.#lines.skipLine();
      this.#onInput(Buffer.alloc(0));
    }
  }

  #tell(event: Event): void {
    const text = encodeEvent(event);
    this.#sockets?.send(channelsOf(event), text);
    const unread = process.stdout.writableLength;
    if (unread > MAX_UNREAD_BYTES) this.#stop();
    if (unread > LAGGING_BYTES && event.type === 'progress' && event.step !== 'failed') return;
    process.stdout.write(`${text}\n`);
  }
}

/** Who hears of it. */
function channelsOf(event: Event): readonly Channel[] {
  if (event.type === 'presence') return ['/hs'];
  if (event.type === 'message') return ['/msg'];
  if (event.type === 'info' && event.content === 'badCommand') return ['/cmd', '/sr'];
  if (event.type === 'info' && event.content === 'failure' && event.about === 'fmsg') {
    return ['/msg'];
  }
  return ['/sr'];
}

function log(text: string): void {
  process.stderr.write(`${visible(text)}\n`);
}
