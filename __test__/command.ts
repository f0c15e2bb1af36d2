/** The command `quiverdb`, as npm installs it, in a project without apache-arrow. */
import { execFile } from 'node:child_process';
import { expect } from 'vitest';
import { Project } from './project.js';

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

export class CommandProject {
  private constructor(readonly project: Project) {}

  static async make(): Promise<CommandProject> {
    return new CommandProject(await Project.withPackage());
  }

  /** The file that is run. */
  get file(): string {
    return this.project.path('node_modules/quiverdb/dist/cli/main.js');
  }

  /** Runs the command in the project. */
  run(...args: string[]): Promise<Said> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [this.file, ...args],
        { cwd: this.project.folder },
        (error, stdout, stderr) =>
          resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  /** What it prints, when it must succeed. */
  async printed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    // Progress is a line for each stage.
    expect({ code, stderr: stderr.replaceAll(/^[\w ]+…\n/gm, '') }).toEqual({
      code: 0,
      stderr: '',
    });
    return stdout.trim();
  }

  /** The rows of a table. */
  async rows(table: string, ...args: string[]): Promise<any[]> {
    const lines = await this.printed('search', 'data', table, '--limit', '5000', ...args);
    return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line));
  }
}
