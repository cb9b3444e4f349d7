import { TarParser } from '../../archive/index.ts';
import type { ByteString } from '../../base/index.ts';
import type { DebContents } from './deb-contents.ts';

// The folders that Debian merged besides /bin, /lib and /sbin.
const FURTHER: ReadonlyMap<string, readonly ByteString[]> = new Map([
  ['amd64', ['lib32', 'lib64', 'libx32']],
  ['i386', ['lib64', 'libx32']],
  ['ppc64el', ['lib64']],
  ['s390x', ['lib32']],
]);

/** The top-level names that are links into /usr on an architecture. */
export function mergedFolders(architecture: string): readonly ByteString[] {
  return ['bin', 'lib', 'sbin', ...(FURTHER.get(architecture) ?? [])];
}

/**
 * Whether base-files itself ships the links of merged /usr, as it does since Debian 13. Before, whoever made the system
 * had to make them first. Gives the contents back, to be read again.
 */
export async function inspectBaseFiles(
  contents: DebContents,
): Promise<{ readonly contents: DebContents; readonly shipsLinks: boolean }> {
  const chunks: Uint8Array[] = [];
  let shipsLinks = false;
  const parser = new TarParser({
    entry: (entry) => {
      if (entry.path === 'bin' && entry.kind === 'symlink') shipsLinks = true;
    },
  });
  for await (const chunk of contents.data) {
    chunks.push(Uint8Array.from(chunk));
    parser.write(chunk);
  }
  parser.end();
  return { contents: { control: contents.control, data: replay(chunks) }, shipsLinks };
}

async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
