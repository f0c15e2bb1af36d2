/**
 * What was typed behind a command, checked.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { didYouMean } from '../options.js';

/** An option of a command. */
export interface OptionUsage {
  type: 'string' | 'boolean';
  /** For `--help`. */
  does: string;
}

/** What a command can be called with. */
export interface Usage {
  /** The line that `--help` shows: `search <db> <table>`; words in brackets must be given, in order. */
  usage: string;
  options: Record<string, OptionUsage>;
}

/** What a command was called with. */
export interface Given {
  /** The words in the order of the usage. */
  words: string[];
  options: Record<string, string | boolean | undefined>;
}

/** A command was called in a way that it cannot be. */
export class UsageError extends Error {}

/** Reads what stands behind the command. */
export function readArguments({ usage, options }: Usage, args: string[]): Given {
  const known: Record<string, OptionUsage> = { ...options, json: { type: 'boolean', does: '' } };
  const { tokens, positionals, values } = parseArgs({
    args,
    options: known,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = known[token.name];
    if (option === undefined) {
      throw new UsageError(
        `unknown option ${token.rawName}${didYouMean(token.name, Object.keys(known))}`,
      );
    }
    if (option.type === 'string' && token.value === undefined) {
      throw new UsageError(`${token.rawName} needs a value`);
    }
  }
  const wanted = usage.match(/<[^>]*>/g) ?? [];
  if (positionals.length < wanted.length)
    throw new UsageError(`${wanted[positionals.length]} is missing`);
  if (positionals.length > wanted.length) {
    throw new UsageError(`'${positionals[wanted.length]}' is one word too many`);
  }
  return { words: positionals, options: values as Given['options'] };
}

/** A whole number that an option has. */
export function wholeNumberOf(given: Given, name: string): number | undefined {
  const text = given.options[name];
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(String(text)))
    throw new UsageError(`--${name} is '${text}', but it must be a whole number`);
  return Number(text);
}

/** The text that an option has. */
export function textOf(given: Given, name: string): string | undefined {
  return given.options[name] as string | undefined;
}
