#!/usr/bin/env node
/**
 * The command `quiverdb`: looks at databases, fills and searches them, and keeps them in order.
 *
 * Exit codes: 0 all is well, 1 it failed (or `verify` found damage), 2 it was called wrongly.
 *
 * @module
 */
import { QuiverError } from '../errors.js';
import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import { Output } from './output.js';
import { readArguments, UsageError } from './usage.js';

async function main(words: string[]): Promise<number> {
  const [name, ...rest] = words;
  const asked = words.includes('--help') || words.includes('-h');
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    if (name === undefined || asked) return say(overview());
    if (name === '--version') return say(require('../../package.json').version);
    return complain(`there is no command '${name}'`, overview());
  }
  if (asked) return say(helpOf(command));
  let output = new Output(rest.includes('--json'));
  try {
    const given = readArguments(command, rest);
    output = new Output(given.options.json === true);
    return (await command.run(given, output)) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, helpOf(command));
    output.error(error instanceof QuiverError ? error.code : undefined, (error as Error).message);
    return 1;
  }
}

function say(text: string): number {
  console.log(text);
  return 0;
}

function complain(message: string, help: string): number {
  console.error(`quiverdb: ${message}\n\n${help}`);
  return 2;
}

function overview(): string {
  const commands = COMMANDS.map(({ usage, does }) => `  quiverdb ${usage}\n      ${does}`);
  return `A database is a folder; a table is in it by name.

${commands.join('\n')}

Every command takes --json, for programs, and --help, with examples.`;
}

function helpOf({ usage, does, options, examples }: Command): string {
  const lines = Object.entries(options).map(([name, { does }]) => `  --${name.padEnd(16)} ${does}`);
  return `quiverdb ${usage}

${does}

Options:
${[...lines, `  --${'json'.padEnd(16)} prints JSON, one object a line, and nothing else`].join('\n')}

Examples:
${examples.map((example) => `  quiverdb ${example}`).join('\n')}`;
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
