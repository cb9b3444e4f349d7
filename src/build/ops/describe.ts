import { framedHash, toText } from '../../base/index.ts';
import type { PlannedEntry } from '../copy/destination.ts';

/**
 * Planned entries as named inputs of a step: one for each file, under the name that people know it by, with everything
 * that its place in the layer depends on. Equal descriptions give equal layers.
 */
export function* describeEntries(entries: Iterable<PlannedEntry>): Generator<readonly [string, string]> {
  for (const planned of entries) {
    const { entry, origin } = planned;
    const name = origin === '' ? `directory:/${toText(entry.path)}` : `file:${origin} -> /${toText(entry.path)}`;
    yield [name, describeEntry(planned)];
  }
}

/** `kind mode uid:gid mtime content`, with what is unusual after it. The parts are what a miss is explained by. */
function describeEntry({ entry, content }: PlannedEntry): string {
  const parts = [
    entry.kind,
    entry.mode.toString(8).padStart(4, '0'),
    `${entry.uid}:${entry.gid}`,
    String(entry.mtimeNs),
  ];
  if (entry.kind === 'file') parts.push(content === undefined ? '-' : Buffer.from(content.sha256()).toString('hex'));
  if (entry.linkTarget !== '') parts.push(framedHash('link', Buffer.from(entry.linkTarget, 'latin1')));
  if (entry.kind === 'character' || entry.kind === 'block') parts.push(`${entry.deviceMajor}:${entry.deviceMinor}`);
  if (entry.xattrs.size > 0)
    parts.push(
      framedHash(
        'xattrs',
        [...entry.xattrs].map(([name, value]) => [Buffer.from(name, 'latin1'), value]),
      ),
    );
  return parts.join(' ');
}
