/** Unsigned big-endian numbers, or that many bytes. */
type Field = 'u8' | 'u16' | 'u64' | number;
type Fields = Readonly<Record<string, Field>>;
type Value<Type extends Field> = Type extends number ? Uint8Array : number;
type Values<Declared extends Fields> = { readonly [Name in keyof Declared]: Value<Declared[Name]> };

const NUMBER_BYTES = { u8: 1, u16: 2, u64: 8 } as const;

/** Bytes at fixed places, declared once and read and written by that. */
export interface Layout<Declared extends Fields> {
  /** Bytes of all fields. */
  readonly size: number;
  /** @throws RangeError when a number does not fit its field, or bytes have another length. */
  encode(values: Values<Declared>): Buffer;
  /** The same into `target` at `offset`. */
  encodeInto(target: Buffer, offset: number, values: Values<Declared>): void;
  /** @param bytes at least {@link size} of them; bytes of fields are views into them. */
  decode(bytes: Buffer): Values<Declared>;
}

/** Declares fields in the order in which they stand. */
export function layout<const Declared extends Fields>(fields: Declared): Layout<Declared> {
  let size = 0;
  const places = Object.entries(fields).map(([name, type]) => {
    const place = { name, type, at: size };
    size += typeof type === 'number' ? type : NUMBER_BYTES[type];
    return place;
  });
  const encodeInto = (target: Buffer, offset: number, values: Values<Declared>): void => {
    for (const { name, type, at } of places) write(target, offset + at, type, values[name]);
  };
  return {
    size,
    encodeInto,
    encode(values) {
      const bytes = Buffer.allocUnsafe(size);
      encodeInto(bytes, 0, values);
      return bytes;
    },
    decode(bytes) {
      const values = places.map(({ name, type, at }) => [name, read(bytes, at, type)]);
      return Object.fromEntries(values) as Values<Declared>;
    },
  };
}

function write(
  target: Buffer,
  at: number,
  type: Field,
  value: number | Uint8Array | undefined,
): void {
  if (typeof type === 'number') {
    if (!(value instanceof Uint8Array) || value.length !== type) {
      throw new RangeError(`a field of ${type} bytes got others`);
    }
    target.set(value, at);
    return;
  }
  if (typeof value !== 'number') throw new RangeError(`a field of ${type} got no number`);
  if (type === 'u8') target.writeUInt8(value, at);
  else if (type === 'u16') target.writeUInt16BE(value, at);
  else target.writeBigUInt64BE(BigInt(value), at);
}

function read(bytes: Buffer, at: number, type: Field): number | Uint8Array {
  if (typeof type === 'number') return bytes.subarray(at, at + type);
  if (type === 'u8') return bytes.readUInt8(at);
  if (type === 'u16') return bytes.readUInt16BE(at);
  return Number(bytes.readBigUInt64BE(at));
}
