import { type ReadTarEntry, TarParser } from '../../archive/index.ts';
import { type ByteString, fromBytes, ShaleError } from '../../base/index.ts';
import { findField, type Paragraph, parseParagraph } from './paragraph.ts';

/** What a package says about itself: the members of its control.tar. */
export interface ControlFiles {
  readonly control: Paragraph;
  /** Every member besides `control`, by name: scripts, md5sums, templates, … */
  readonly files: ReadonlyMap<ByteString, ControlFile>;
}

export interface ControlFile {
  readonly mode: number;
  readonly bytes: Buffer;
  readonly mtimeNs: bigint;
}

// The names that dpkg keeps for itself in its database.
const FORBIDDEN: ReadonlySet<string> = new Set(['list', 'control']);

/** @throws DEB_MALFORMED, CONTROL_MALFORMED and the errors of the tar reader. */
export function parseControlTar(bytes: Uint8Array): ControlFiles {
  const files = new Map<ByteString, ControlFile>();
  let current: { readonly entry: ReadTarEntry; readonly chunks: Buffer[] } | undefined;
  const parser = new TarParser({
    entry: (entry) => {
      current = entry.kind === 'file' ? { entry, chunks: [] } : undefined;
    },
    content: (chunk) => current?.chunks.push(Buffer.from(chunk)),
    contentEnd: () => {
      if (current === undefined) return;
      const { entry, chunks } = current;
      // dpkg takes plain files at the top only.
      if (!entry.path.includes('/'))
        files.set(entry.path, { mode: entry.mode, bytes: Buffer.concat(chunks), mtimeNs: entry.mtimeNs });
    },
  });
  parser.write(bytes);
  parser.end();
  const control = files.get('control');
  if (control === undefined) throw new ShaleError('DEB_MALFORMED', 'a package has no control file');
  for (const name of FORBIDDEN) files.delete(name);
  for (const name of files.keys()) {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(name))
      throw new ShaleError('DEB_MALFORMED', `a package has a control file named ${JSON.stringify(name)}`);
  }
  return { control: parseParagraph(fromBytes(control.bytes)), files };
}

/** The lines of a control file (conffiles, triggers), without blanks at their ends. */
export function linesOf(file: ControlFile | undefined): ByteString[] {
  return (file === undefined ? '' : fromBytes(file.bytes))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The name under which dpkg's database knows a package: with the architecture where several can be installed. */
export function databaseName(control: Paragraph): string {
  const name = findField(control, 'Package') ?? '';
  return findField(control, 'Multi-Arch') === 'same' ? `${name}:${findField(control, 'Architecture') ?? ''}` : name;
}
