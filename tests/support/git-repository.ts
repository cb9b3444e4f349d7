import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Why git tests are skipped; false where they run. */
export const noGit: string | false = spawnSync('git', ['--version']).status === 0 ? false : 'git is not installed';

export type TreeEntry = string | { readonly executable: string } | { readonly link: string };

/** Seconds since 1970 of the first commit; each further one is an hour later. */
export const FIRST_COMMIT = 1_600_000_000;

/** A repository to fetch from: a work tree whose .git is served. */
export class GitRepository {
  readonly folder: string;
  #commits = 0;

  constructor(folder: string, options: readonly string[] = []) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.git('init', '--quiet', '--initial-branch=main', ...options);
  }

  /** Runs git there and gives what it prints. */
  git(...args: readonly string[]): string {
    const time = `${FIRST_COMMIT + 3600 * this.#commits} +0200`;
    const who = { NAME: 'A', EMAIL: 'a@example', DATE: time };
    const identity = Object.entries(who).flatMap(([key, value]) => [
      [`GIT_AUTHOR_${key}`, value],
      [`GIT_COMMITTER_${key}`, value],
    ]);
    const { status, stdout, stderr } = spawnSync('git', ['-c', 'protocol.file.allow=always', ...args], {
      cwd: this.folder,
      env: {
        PATH: process.env['PATH'],
        HOME: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
        ...Object.fromEntries(identity),
      },
    });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`);
    return stdout.toString().trim();
  }

  /** Commits files and gives the commit's hash. */
  commit(files: Readonly<Record<string, TreeEntry>>): string {
    for (const [name, entry] of Object.entries(files)) {
      const path = join(this.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      if (typeof entry === 'string') writeFileSync(path, entry);
      else if ('link' in entry) symlinkSync(entry.link, path);
      else {
        writeFileSync(path, entry.executable);
        chmodSync(path, 0o700);
      }
    }
    this.git('add', '--all');
    this.git('commit', '--quiet', '--allow-empty', '--message', 'x');
    this.#commits++;
    return this.git('rev-parse', 'HEAD');
  }
}
