/** An image of small files, in a store of its own. */
import { member, tar } from '../archive/tar-parser.fixture.ts';
import { streamOf } from '../base/index.ts';
import { Layers, type Stack } from '../layers/index.ts';
import type { DiffId } from '../oci/index.ts';
import { scratchStore } from '../store/store.fixture.ts';

/** Files by their paths; `→ TARGET` is a symbolic link. */
export type LayerFiles = Readonly<Record<string, string>>;

export interface TestStack extends AsyncDisposable {
  readonly stack: Stack;
}

export async function stackOf(...layersOfFiles: readonly LayerFiles[]): Promise<TestStack> {
  await using stack = new AsyncDisposableStack();
  const { store } = stack.use(await scratchStore());
  const layers = new Layers(store);
  const diffIds: DiffId[] = [];
  for (const files of layersOfFiles) {
    const members = Object.entries(files).map(([name, content]) =>
      content.startsWith('→ ')
        ? member({ name, type: '2', link: content.slice(2) })
        : member({ name }, Buffer.from(content)),
    );
    diffIds.push((await layers.ingest(streamOf(tar(...members)))).diffId);
  }
  const made = await layers.stack(diffIds);
  const kept = stack.move();
  return { stack: made, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
