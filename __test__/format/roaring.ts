/**
 * Sets of numbers in Roaring's portable format: https://github.com/RoaringBitmap/RoaringFormatSpec.
 *
 * Numbers that share their upper 16 bits are in one container: an array of their lower 16 bits, a bitmap of all 65,536,
 * or runs of numbers that follow each other.
 */
import { check, type Reader } from './bytes.js';

const WITHOUT_RUNS = 12346;
const WITH_RUNS = 12347;

/** A container of more numbers than this is a bitmap, unless it has runs. */
const ARRAY_NUMBERS = 4096;

/** The numbers of a set of 64-bit numbers, ascending: sets of their lower halves by their upper halves. */
export function readSet64(from: Reader): number[] {
  const set = from
    .many(from.u64(), () => ({ upper: from.u32(), lower: readSet32(from) }))
    .flatMap(({ upper, lower }) => lower.map((value) => upper * 2 ** 32 + value));
  checkAscending(set, from.name);
  return set;
}

/** The numbers of a set of 32-bit numbers, ascending. */
export function readSet32(from: Reader): number[] {
  const start = from.at;
  const cookie = from.u32();
  const withRuns = (cookie & 0xffff) === WITH_RUNS;
  check(withRuns || cookie === WITHOUT_RUNS, `${from.name}: no set begins with ${cookie}`);
  const count = withRuns ? (cookie >>> 16) + 1 : from.u32();
  const runs = withRuns ? from.take(Math.ceil(count / 8)) : new Uint8Array();
  const containers = from.many(count, () => ({ upper: from.u16(), numbers: from.u16() + 1 }));
  // Sets of few containers with runs leave out where each begins.
  const offsets = withRuns && count < 4 ? undefined : from.many(count, from.u32);

  const set = containers.flatMap(({ upper, numbers }, i) => {
    const begins = offsets?.[i] ?? from.at - start;
    check(begins === from.at - start, `${from.name}: container ${i} is not at ${begins}`);
    const lower = (runs[i >> 3] >> (i & 7)) & 1 ? readRuns(from) : readNumbers(from, numbers);
    check(lower.length === numbers, `${from.name}: ${lower.length} numbers instead of ${numbers}`);
    return lower.map((value) => upper * 2 ** 16 + value);
  });
  checkAscending(set, from.name);
  return set;
}

function readNumbers(from: Reader, count: number): number[] {
  if (count <= ARRAY_NUMBERS) return from.many(count, from.u16);
  const bitmap = from.take(2 ** 16 / 8);
  const numbers: number[] = [];
  for (let i = 0; i < 2 ** 16; i++) if ((bitmap[i >> 3] >> (i & 7)) & 1) numbers.push(i);
  return numbers;
}

function readRuns(from: Reader): number[] {
  return from
    .many(from.u16(), () => ({ first: from.u16(), more: from.u16() }))
    .flatMap(({ first, more }) => Array.from({ length: more + 1 }, (_, i) => first + i));
}

/** Says that each number is greater than the one before. */
export function checkAscending(numbers: ArrayLike<number>, name: string): void {
  for (let i = 1; i < numbers.length; i++)
    check(numbers[i - 1] < numbers[i], `${name}: ${numbers[i - 1]} comes before ${numbers[i]}`);
}
