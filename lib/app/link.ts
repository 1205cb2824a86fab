import { randomInt } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';
import { visible } from '../core/text.ts';
import { linkWays, type Toward } from '../lab/link-ways.ts';
import { parsePairs, type RawFaults, type Scenario } from '../lab/scenario.ts';
import { SCENARIOS } from '../lab/scenarios.ts';
import { formatEndpoint } from '../net/addresses.ts';
import { type Decision, type Endpoint, LinkDriver } from '../net/link-driver.ts';
import { UserError } from './exit-status.ts';
import { FIRST_PORT, newCommand, parseHostFlag, parsePortOrZeroFlag } from './flags.ts';
import { type MoreFaults, readyScenario, scenarioOf } from './scenario-file.ts';
import { onStopSignal } from './stop-signals.ts';

/** Beside the ports of the document, which a server on the same machine has. */
const LINK_PORT = 56_000;
const LOCAL = '127.0.0.1';

/** The flags that say the same as the keys of `to-client` in a scenario, and what they are for. */
const WAY_FLAGS = {
  loss: ['<share>', 'that much is lost, like 5%'],
  burst: ['<enter/leave/loss>', 'losses in bursts (Gilbert-Elliott), like 1%/20%/80%'],
  delay: ['<ms>', 'everything is that late'],
  jitter: ['<ms>', 'and up to that much later'],
  reorder: ['<share>', 'that much is overtaken by others'],
  'reorder-by': ['<ms>', 'by waiting that long (default: 5)'],
  duplicate: ['<share>', 'that much comes twice'],
  corrupt: ['<share>', 'one byte of it is flipped'],
  truncate: ['<share>', 'that much is cut short'],
  rate: ['<bytes>', 'no more than that a second, like 500K'],
  queue: ['<bytes>', 'that much waits for the rate, what is beyond is dropped (default: 64K)'],
} as const;

interface Flags extends Readonly<Record<string, unknown>> {
  readonly listen: Endpoint;
  readonly server: Endpoint;
  readonly scenario?: string;
  readonly rule?: readonly string[];
  readonly toServer?: RawFaults;
  readonly tcp?: RawFaults;
  readonly breakAt?: string;
  readonly seed?: number;
  readonly list?: true;
  readonly show?: string;
  readonly quiet?: true;
}

/** `wirelab link`: a path with faults between clients and a server. */
export function linkCommand(): Command {
  const command = newCommand('link')
    .description(
      'A path with faults between clients and a server (classroom protocol): clients connect to it.',
    )
    .addOption(
      new Option('--listen <address>', 'where clients connect')
        .argParser(endpoint)
        .default(local(LINK_PORT), `${LOCAL}:${LINK_PORT}`),
    )
    .addOption(
      new Option('--server <address>', 'the server')
        .argParser(endpoint)
        .default(local(FIRST_PORT), `${LOCAL}:${FIRST_PORT}`),
    )
    .option('--scenario <name|file>', 'a ready one (see --list), or one of your own (YAML)')
    .option('--list', 'name the ready scenarios')
    .option('--show <name>', 'print a ready scenario, as a file of your own would be')
    .option('--seed <number>', 'repeats an earlier run (default: one by chance)', seed)
    .option('--quiet', 'no line for each decision')
    .optionsGroup('Faults of datagrams to the client, beside those of the scenario:');
  for (const [key, [form, words]] of Object.entries(WAY_FLAGS)) {
    command.option(`--${key} ${form}`, words);
  }
  return command
    .option('--rule <rule>', "these exactly, like 'drop seq=7 times=2'; any number", collect)
    .optionsGroup('Other faults:')
    .option('--to-server <faults>', "datagrams to the server, like 'loss=5% delay=20'", pairs)
    .option('--tcp <faults>', "TCP, like 'delay=20 rate=10K split=3 gap=5 glue=50'", pairs)
    .option('--break-at <moment>', 'the connection breaks: 500ms, 2000bytes, part12')
    .optionsGroup('Options:')
    .action(link);
}

async function link(flags: Flags): Promise<void> {
  if (flags.list) {
    process.stdout.write(listOfScenarios());
    return;
  }
  if (flags.show !== undefined) {
    process.stdout.write(stringify(readyScenario(flags.show)));
    return;
  }
  await new Link(flags).run();
}

class Link {
  readonly #flags: Flags;
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #counts: Record<Toward, { all: number; dropped: number; other: number }> = {
    client: { all: 0, dropped: 0, other: 0 },
    server: { all: 0, dropped: 0, other: 0 },
  };

  constructor(flags: Flags) {
    this.#flags = flags;
    this.#scenario = scenarioOf(flags.scenario, faultsOf(flags));
    this.#seed = flags.seed ?? randomInt(1, 1_000_000);
  }

  async run(): Promise<void> {
    const stopped = stopSignal();
    const { listen, server } = this.#flags;
    const { tcp } = this.#scenario;
    await using driver = await LinkDriver.start({
      ...{ listen, server, tcp, source: `seed ${this.#seed}` },
      ways: linkWays(this.#scenario, this.#seed),
      onDecision: (decision) => this.#onDecision(decision),
      onEvent: (text) => this.#tell(text),
    }).catch((error: Error) => {
      throw new UserError(`${error.message}; --listen names another place`);
    });
    this.#tell(
      `clients connect to ${formatEndpoint(listen.host, driver.port)}, ` +
        `the server is ${formatEndpoint(server.host, server.port)}`,
    );
    const { scenario } = this.#flags;
    const { about } = this.#scenario;
    if (scenario !== undefined) this.#tell(`${scenario}: ${about ?? 'a scenario of your own'}`);
    this.#tell(`seed ${this.#seed}: --seed ${this.#seed} repeats what happens to each part`);
    await stopped;
    for (const toward of ['client', 'server'] as const) {
      const { all, dropped, other } = this.#counts[toward];
      this.#tell(`${all} datagrams to the ${toward}: ${dropped} dropped, ${other} changed or late`);
    }
  }

  #onDecision({ toward, fate, text }: Decision): void {
    const counts = this.#counts[toward];
    counts.all += 1;
    if (fate.length === 0) counts.dropped += 1;
    else if (text !== undefined) counts.other += 1;
    if (text !== undefined && !this.#flags.quiet) this.#tell(text);
  }

  #tell(text: string): void {
    process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${visible(text)}\n`);
  }
}

function faultsOf(flags: Flags): MoreFaults {
  const { rule, toServer = {}, tcp = {}, breakAt } = flags;
  const toClient = Object.keys(WAY_FLAGS).flatMap((key) => {
    const value = flags[key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    return value === undefined ? [] : [[key, value]];
  });
  return {
    toClient: { ...Object.fromEntries(toClient), ...(rule && { rules: rule }) },
    toServer,
    tcp: { ...tcp, ...(breakAt && { 'break-at': breakAt }) },
  };
}

function listOfScenarios(): string {
  const all = Object.entries(SCENARIOS);
  const width = Math.max(...all.map(([name]) => name.length));
  return all.map(([name, { about }]) => `${name.padEnd(width)}  ${about}\n`).join('');
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal(() => resolve());
  });
}

function local(port: number): Endpoint {
  return { host: LOCAL, port };
}

/** `127.0.0.1:55000`, `[::1]:55000`, or the port alone. */
function endpoint(text: string): Endpoint {
  const [, inBrackets, plain, port = ''] = /^(?:(?:\[(.+)\]|([^:]+)):)?(\d+)$/.exec(text) ?? [];
  if (port === '') {
    throw new InvalidArgumentError('Give an address and a port, for example 127.0.0.1:55000.');
  }
  return { host: parseHostFlag(inBrackets ?? plain ?? LOCAL), port: parsePortOrZeroFlag(port) };
}

function pairs(text: string): RawFaults {
  try {
    return parsePairs(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function seed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a number of up to 9 digits.');
  return Number(text);
}

function collect(rule: string, earlier: readonly string[] = []): string[] {
  return [...earlier, rule];
}
