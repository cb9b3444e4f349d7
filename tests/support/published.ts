import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Makes the package that is published in an empty folder, with its dependencies beside it. Gives the program. */
export function publishInto(folder: string): string {
  const made = spawnSync(process.execPath, ['scripts/bundle.ts', join(folder, 'dist')], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
  for (const name of ['bin', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  // The program takes the Node of the checkout that it lies in: this folder stands for one.
  mkdirSync(join(folder, '.tools/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(folder, '.tools/node/bin/node'));
  return join(folder, 'bin/shale');
}
