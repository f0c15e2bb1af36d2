/** The program of benches/query.rs: quiverdb without Node. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const hasCargo = () => spawnSync('cargo', ['--version']).status === 0;

let program: string | undefined;

/** The program, built when it is first asked for. */
export function rustProgram(): string {
  program ??= build();
  return program;
}

function build(): string {
  console.log('  building benches/query.rs');
  const args = ['bench', '--bench', 'query', '--no-run', '--message-format=json'];
  const { stdout, stderr, status } = spawnSync('cargo', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`cargo cannot build benches/query.rs: ${stderr}`);
  for (const line of stdout.split('\n').filter(Boolean)) {
    const message = JSON.parse(line);
    if (message.target?.name === 'query' && message.executable) return message.executable;
  }
  throw new Error('cargo does not say where it put benches/query.rs');
}
