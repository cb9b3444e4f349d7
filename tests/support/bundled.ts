import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { threadEntries, threadFiles } from '../../scripts/bundle/threads.ts';

/**
 * Makes one script of a program and its modules, with the threads of shale beside it, in `folder` (within the checkout, for
 * koffi is found from there): starts in half the time, which counts where it is started ten thousand times. Gives its path.
 */
export async function bundled(program: string, folder: string): Promise<string> {
  await using bundle = await rolldown({
    input: { program, ...threadEntries() },
    platform: 'node',
    external: ['koffi'],
    plugins: [threadFiles()],
    checks: { ineffectiveDynamicImport: false },
  });
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name].js' });
  return join(folder, 'program.js');
}
