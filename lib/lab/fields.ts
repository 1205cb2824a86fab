/** Reads what people write into YAML files, and says what is wrong with it. */

import { firstCharacters } from '../core/text.ts';

/** Characters of a wrong value that are shown. */
const SHOWN = 60;

/** One value that may be given. */
export interface Field<Value> {
  /** `undefined`: it is none. */
  readonly parse: (value: unknown) => Value | undefined;
  /** What it has to be, for people who got it wrong. */
  readonly form: string;
}

type CamelCase<Key> = Key extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;
/** What {@link readFields} makes of them: `reorder-by` becomes `reorderBy`. */
export type Read<Fields extends Record<string, Field<unknown>>> = {
  readonly [Key in keyof Fields as CamelCase<Key>]?: Fields[Key] extends Field<infer Value>
    ? Value
    : never;
};

/**
 * Reads names with values.
 * @param where it stands, and `example` one of them, for messages about it. @throws Error that says what is wrong
 */
export function readFields<Fields extends Record<string, Field<unknown>>>(
  fields: Fields,
  raw: unknown,
  where: string,
  example: string,
): Read<Fields> {
  const read = Object.entries(asObject(raw ?? {}, where, example)).map(([key, value]) => {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined) {
      const known = Object.keys(fields).join(', ');
      throw new Error(`${where}: '${key}' is not understood; there are ${known}`);
    }
    const parsed = readValue(field, value, `${where}: ${key}`);
    return [key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()), parsed];
  });
  return Object.fromEntries(read) as Read<Fields>;
}

/**
 * Reads names that are not known here, with values of one kind.
 * @returns `undefined` when it is something else. @throws Error that says which value is wrong
 */
export function readNamed<Value>(
  field: Field<Value>,
  raw: unknown,
  where: string,
): Record<string, Value> | undefined {
  if (!isObject(raw)) return undefined;
  const all = Object.entries(raw).map(
    ([key, value]) => [key, readValue(field, value, `${where}: '${key}'`)] as const,
  );
  return Object.fromEntries(all);
}

/** @throws Error when it is none */
export function asObject(
  raw: unknown,
  where: string,
  example: string,
): Readonly<Record<string, unknown>> {
  if (!isObject(raw)) {
    throw new Error(`${where} has to be names with values, like '${example}', not ${written(raw)}`);
  }
  return raw;
}

function isObject(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function readValue<Value>(field: Field<Value>, value: unknown, what: string): Value {
  const parsed = field.parse(value);
  if (parsed !== undefined) return parsed;
  throw new Error(`${what} has to be ${field.form}, not ${written(value)}`);
}

/** As it may stand in a file, cut short. */
function written(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const short = firstCharacters(text, SHOWN);
  const shown = short === text ? text : `${short}…`;
  return typeof value === 'string' ? `'${shown}'` : shown;
}
