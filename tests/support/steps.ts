import { toText } from '../../src/base/index.ts';
import type { Built, Lab } from './lab.ts';

/** Paths of the layer that the last step made, but for those that every first RUN leaves. */
export async function topLayerOf(lab: Lab, imageId: string): Promise<string[]> {
  const layer = (await lab.stack(imageId)).layers.at(-1);
  if (layer === undefined) throw new Error('an image without layers');
  const paths: string[] = [];
  const visit = (path: string, nodes: Iterable<readonly [string, { readonly kind: string }]>): void => {
    for (const [name, node] of nodes) {
      paths.push(`${path}${toText(name)}`);
      // A directory of an index.
      if (node.kind === 'directory') visit(`${path}${toText(name)}/`, (node as typeof layer.index.root).children());
    }
  };
  visit('', layer.index.root.children());
  // Docker's images have these two as well.
  return paths.filter((path) => path !== 'proc' && path !== 'sys');
}

/** True when a RUN of the build was carried out. */
export function ran({ steps }: Built): boolean {
  return steps.some(({ name, cached }) => name.includes('RUN') && !cached);
}
