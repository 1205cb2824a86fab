import { millis } from '../core/brands.ts';
import { parseAmount, parseShare } from '../core/units.ts';
import { type FaultRule, parseRule } from './fault-rule.ts';
import type { Burst, Faults } from './faults.ts';
import { asObject, type Field, readFields } from './fields.ts';
import type { RateQueueOptions } from './rate-queue.ts';
import type { Moment, TcpFaults } from './tcp-path.ts';

/** What a path does to the datagrams that go one way. */
export type WayFaults = Faults & Partial<RateQueueOptions>;

/** A path with faults, each way, as a file or flags describe it. */
export interface Scenario {
  /** What it is like, in words. */
  readonly about?: string;
  readonly toClient: WayFaults;
  readonly toServer: WayFaults;
  readonly tcp: TcpFaults;
}

/** As it is written: in a file (YAML, JSON), or `key=value` in a flag. */
export type RawFaults = Readonly<Record<string, unknown>>;

/** The queue in front of a rate, when nothing is said: about 32 full datagrams. */
const USUAL_QUEUE_BYTES = 65_536;

const SHARE: Field<number> = {
  parse: (value) => parseShare(String(value)),
  form: 'a share, like 5% or 0.05',
};
const SPAN = {
  parse: (value: unknown) => {
    const [, digits] = /^(\d+(?:\.\d+)?)\s?(?:ms)?$/.exec(String(value)) ?? [];
    return digits === undefined || Number(digits) > 600_000 ? undefined : millis(Number(digits));
  },
  form: 'milliseconds, at most 600000',
};
const AMOUNT: Field<number> = {
  parse: parseWhole,
  form: 'a number above 0, like 500 or 20K',
};
const BURST: Field<Burst> = {
  parse: parseBurst,
  form: 'ENTER/LEAVE or ENTER/LEAVE/LOSS, like 1%/20%/80%',
};
const RULES: Field<FaultRule[]> = {
  parse: (value) => [value].flat().map((one) => parseRule(String(one))),
  form: 'a list of rules',
};
const MOMENT: Field<Moment> = {
  parse: parseMoment,
  form: 'a moment, like 500ms, 2000bytes or part12',
};

const WAY_FIELDS = {
  loss: SHARE,
  burst: BURST,
  duplicate: SHARE,
  corrupt: SHARE,
  truncate: SHARE,
  reorder: SHARE,
  'reorder-by': SPAN,
  delay: SPAN,
  jitter: SPAN,
  rate: AMOUNT,
  queue: AMOUNT,
  rules: RULES,
};
const TCP_FIELDS = {
  delay: SPAN,
  rate: AMOUNT,
  split: AMOUNT,
  gap: SPAN,
  glue: SPAN,
  'break-at': MOMENT,
};
const SCENARIO_KEYS = ['about', 'to-client', 'to-server', 'tcp'];

/** Reads a scenario that YAML or JSON has held. @throws Error that says what is wrong with it. */
export function readScenario(raw: unknown): Scenario {
  const whole = asObject(raw, 'a scenario', 'to-client: { loss: 5% }');
  const unknown = Object.keys(whole).find((key) => !SCENARIO_KEYS.includes(key));
  if (unknown !== undefined) {
    throw new Error(`'${unknown}' is not understood; a scenario has ${SCENARIO_KEYS.join(', ')}`);
  }
  const { about } = whole;
  return {
    ...(about === undefined ? {} : { about: String(about) }),
    toClient: readWay(whole['to-client'], 'to-client'),
    toServer: readWay(whole['to-server'], 'to-server'),
    tcp: readTcp(whole.tcp),
  };
}

/** What a path does to datagrams that go one way. @param where it stands, for messages about it. */
export function readWay(raw: unknown, where: string): WayFaults {
  const fields = readFields(WAY_FIELDS, raw, where, 'loss: 5%');
  const { rate } = fields;
  return rate === undefined ? fields : { queue: USUAL_QUEUE_BYTES, ...fields };
}

/** What a path does to TCP. */
export function readTcp(raw: unknown, where = 'tcp'): TcpFaults {
  return readFields(TCP_FIELDS, raw, where, 'delay: 20');
}

/** `loss=5% delay=20`, as a flag has it; `split` and others alike. @throws Error */
export function parsePairs(text: string): RawFaults {
  const pairs = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new Error(`'${word}' is not understood: write it like loss=5%`);
      return [word.slice(0, at), word.slice(at + 1)] as const;
    });
  return Object.fromEntries(pairs);
}

function parseBurst(value: unknown): Burst | undefined {
  const shares = String(value).split('/').map(parseShare);
  const [enter, leave, loss = 1] = shares;
  if (enter === undefined || leave === undefined || shares.length > 3) return undefined;
  return shares.includes(undefined) ? undefined : { enter, leave, loss };
}

function parseMoment(value: unknown): Moment | undefined {
  const [, count, unit] = /^(?:after )?(\d{1,9}) ?(ms|bytes)$/.exec(String(value)) ?? [];
  if (unit === 'ms') return { type: 'time', after: millis(Number(count)) };
  if (unit === 'bytes') return { type: 'bytes', count: Number(count) };
  const [, seq] = /^(?:at )?part ?(\d{1,9})$/.exec(String(value)) ?? [];
  return seq === undefined ? undefined : { type: 'part', seq: Number(seq) };
}

function parseWhole(value: unknown): number | undefined {
  const amount = parseAmount(String(value));
  return amount === undefined || amount < 1 ? undefined : Math.round(amount);
}
