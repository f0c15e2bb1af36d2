/**
 * Decimal numbers: digits with a point at a fixed place.
 *
 * @module
 */

/**
 * The number without its point: 12.5 at scale 2 is 1250.
 *
 * @param value a number, a bigint, or a string such as `"-12.50"`
 * @returns `undefined` if it is no number, or has more digits than fit
 */
export function toUnscaled(value: unknown, scale: number, precision: number): bigint | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
    return undefined;
  }
  const parts = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(String(value).trim());
  if (!parts || !(parts[2] || parts[3])) return undefined;

  const [, sign, before = '', after = '', exponent = '0'] = parts;
  const shift = scale - after.length + Number(exponent);
  if (Math.abs(shift) > 1000) return undefined;
  let digits = before + after;
  if (shift >= 0) digits += '0'.repeat(shift);
  else if (/^0*$/.test(digits.slice(shift))) digits = digits.slice(0, shift);
  else return undefined;

  const unscaled = BigInt(digits || '0');
  if (unscaled >= 10n ** BigInt(precision)) return undefined;
  return sign === '-' ? -unscaled : unscaled;
}

/** The number in two's complement, as 32-bit words with the lowest first. */
export function decimalWords(unscaled: bigint, count: number): Uint32Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = Number(BigInt.asUintN(32, unscaled >> BigInt(32 * i)));
  return words;
}
