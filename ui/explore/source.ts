import type { FileComparison } from '../../src/explore/index.ts';
import type { EmbeddedPage, PageData, PageLook, PageTree, TreeName } from '../../src/web/index.ts';

/** Where the page's data comes from: the server that sent the page, or the page itself. */
export interface Source {
  readonly data: PageData;
  /** Whether trees with unchanged entries, contents and every difference can be had. */
  readonly isServed: boolean;
  tree(name: TreeName): Promise<PageTree>;
  look(layer: number, path: string): Promise<PageLook>;
  /** Undefined where this page does not have it. */
  diff(layer: number, path: string): Promise<FileComparison | undefined>;
  /** Where a file can be saved from. */
  fileAddress(layer: number, path: string): string;
}

export async function openSource(): Promise<Source> {
  const embedded = document.getElementById('embedded')?.textContent;
  return typeof embedded === 'string' ? await openEmbedded(embedded) : await openServed();
}

async function openEmbedded(base64: string): Promise<Source> {
  const bytes = Uint8Array.fromBase64 === undefined ? oldFromBase64(base64) : Uint8Array.fromBase64(base64);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const data = (await new Response(stream).json()) as EmbeddedPage; // Made by the program that made this page.
  return {
    data,
    isServed: false,
    tree: (name) => {
      const tree = data.trees[name];
      return tree === undefined ? Promise.reject(new Error(`this page holds no ${name}`)) : Promise.resolve(tree);
    },
    look: () => Promise.reject(new Error('this page holds no contents of files')),
    diff: (layer, path) => Promise.resolve(data.diffs[`${layer}:${path}`]),
    fileAddress: () => '',
  };
}

function oldFromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function openServed(): Promise<Source> {
  const trees = new Map<string, Promise<PageTree>>();
  return {
    data: await ask<PageData>('data.json'),
    isServed: true,
    tree: (name) => {
      const known = trees.get(name);
      if (known !== undefined) return known;
      const tree = ask<PageTree>(`trees/${name}.json`);
      trees.set(name, tree);
      tree.catch(() => trees.delete(name));
      return tree;
    },
    look: (layer, path) => ask<PageLook>(`look.json?${placeQuery(layer, path)}`),
    diff: (layer, path) => ask<FileComparison>(`diff.json?${placeQuery(layer, path)}`),
    fileAddress: (layer, path) => `file?${placeQuery(layer, path)}`,
  };
}

function placeQuery(layer: number, path: string): string {
  return `layer=${layer}&path=${encodeURIComponent(path)}`;
}

async function ask<T>(address: string): Promise<T> {
  const response = await fetch(address).catch((cause: unknown) => {
    throw new Error('shale explore does not answer; has it been ended in its terminal?', { cause });
  });
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T; // Our own server's answer.
}
