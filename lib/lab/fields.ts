/** Reads what people write into YAML files, and says what is wrong with it. */

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
 * @param where it stands, for messages about it. @throws Error that says what is wrong
 */
export function readFields<Fields extends Record<string, Field<unknown>>>(
  fields: Fields,
  raw: unknown,
  where: string,
): Read<Fields> {
  const read = Object.entries(asObject(raw ?? {}, where)).map(([key, value]) => {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined) {
      const known = Object.keys(fields).join(', ');
      throw new Error(`${where}: '${key}' is not understood; there are ${known}`);
    }
    const parsed = field.parse(value);
    if (parsed === undefined) {
      throw new Error(`${where}: ${key} has to be ${field.form}, not '${String(value)}'`);
    }
    return [key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()), parsed];
  });
  return Object.fromEntries(read) as Read<Fields>;
}

/** @throws Error when it is none */
export function asObject(raw: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new Error(`${where} has to be names with values, like 'loss: 5%'`);
  }
  return raw as Record<string, unknown>;
}
