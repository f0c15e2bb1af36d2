// The program under "First search" in the README, and what its comment says it prints.

import { readFileSync } from 'node:fs';

export function firstSearch() {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, program] = /^## First search\n+```ts\n([\s\S]*?)^```$/m.exec(
    readme.replaceAll('\r', ''),
  );
  const [, prints] = / \/\/ (apple.*)$/m.exec(program);
  return { program, prints };
}
