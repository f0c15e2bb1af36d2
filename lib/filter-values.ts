/**
 * Values beside SQL, as the engine takes them.
 *
 * @module
 */
import type { NativeParameter } from './native-types.js';
import { invalid } from './options.js';

type Member = 'numbers' | 'bigints' | 'strings' | 'booleans' | 'times' | 'bytes';

/** A value or a list of values of one kind, as the engine takes it. */
export function toParameter(where: string, value: unknown): NativeParameter {
  if (ArrayBuffer.isView(value) && !isBytes(value)) {
    const list = Array.from(value as unknown as ArrayLike<number | bigint>);
    return typed(where, list, true);
  }
  return Array.isArray(value) ? typed(where, value, true) : typed(where, [value], false);
}

function typed(where: string, items: readonly unknown[], list: boolean): NativeParameter {
  const values = items.filter((item) => item !== null);
  const parameter: NativeParameter = { list, hasNull: values.length < items.length };
  let kind: Member | undefined;
  for (const value of values) {
    const own = kindOf(where, value);
    kind ??= own;
    if (kind === own) continue;
    // Numbers and bigints mix, because both say whole numbers.
    if (isNumeric(kind) && isNumeric(own)) kind = 'bigints';
    else
      throw invalid(
        where,
        list ? values : value,
        `a list of one kind of value, not of ${kind} and ${own}`,
      );
  }
  if (kind === undefined) return parameter;
  return { ...parameter, [kind]: MAKE[kind](values, where) };
}

const MAKE: Record<Member, (values: readonly unknown[], where: string) => unknown> = {
  numbers: (values) => Float64Array.from(values as number[]),
  bigints: (values, where) =>
    values.map((value) => {
      if (typeof value === 'bigint') return value;
      if (Number.isSafeInteger(value)) return BigInt(value as number);
      throw invalid(where, value, 'a whole number, because the list has bigints');
    }),
  times: (values) => Float64Array.from(values as Date[], (date) => date.getTime()),
  strings: (values) => values,
  booleans: (values) => values,
  bytes: (values) => values,
};

function kindOf(where: string, value: unknown): Member {
  if (typeof value === 'string') return 'strings';
  if (typeof value === 'boolean') return 'booleans';
  if (typeof value === 'bigint') return 'bigints';
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw invalid(where, value, 'a number that is one');
    return 'numbers';
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(where, 'Invalid Date', 'a valid Date');
    return 'times';
  }
  if (isBytes(value)) return 'bytes';
  throw invalid(where, value, 'a string, number, bigint, boolean, Date, Uint8Array or null');
}

function isNumeric(kind: Member): boolean {
  return kind === 'numbers' || kind === 'bigints';
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
