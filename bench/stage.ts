import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.ts';

const root = join(import.meta.dirname, '..');

/** Packs shale into a folder as a user would have it, with koffi beside it. Gives the program. */
export function packShale(folder: string): string {
  run({
    args: [process.execPath, '--disable-warning=ExperimentalWarning', 'scripts/bundle.ts', join(folder, 'dist')],
    cwd: root,
  });
  for (const name of ['bin', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['koffi', '@koromix'])
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
      dereference: true,
    });
  // bin/shale takes the Node of the checkout that it lies in: this folder stands for one.
  mkdirSync(join(folder, '.tools/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(folder, '.tools/node/bin/node'));
  return join(folder, 'bin/shale');
}

/** An OCI bundle with the root filesystem of an image's tar, which runs `true` without a network of its own. */
export function makeBundle(folder: string, rootfsTar: string): string {
  mkdirSync(join(folder, 'rootfs'), { recursive: true });
  run({ args: ['tar', '-x', '-f', rootfsTar, '-C', join(folder, 'rootfs')] });
  const spec: unknown = JSON.parse(
    run({ args: ['sh', '-c', 'cd "$1" && runc spec && cat config.json', 'sh', folder] }),
  );
  writeFileSync(join(folder, 'config.json'), JSON.stringify(withCommand(spec)));
  return folder;
}

function withCommand(spec: unknown): unknown {
  if (typeof spec !== 'object' || spec === null || !('process' in spec)) throw new Error('runc spec gave no process');
  return { ...spec, process: { ...Object(spec.process), args: ['true'], terminal: false } };
}
