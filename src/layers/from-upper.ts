import { Pace } from '../base/index.ts';
import type { LayerInfo } from './types.ts';
import type { Layers } from './layers.ts';
import type { UpperChange } from './upper.ts';

/** Writes the changes that a walk over an upper directory found as a layer. @throws CONTENT_CHANGED, UPPER_CHANGED */
export async function writeUpper(layers: Layers, changes: Iterable<UpperChange>): Promise<LayerInfo> {
  await using writer = await layers.create();
  const pace = new Pace();
  for (const change of changes) {
    if (pace.isOver()) await pace.rest();
    if (change.open === undefined) {
      await writer.add(change.entry);
      continue;
    }
    using file = change.open();
    await writer.add(change.entry, { kind: 'fd', fd: file.fd, offset: 0 }, change.sha256);
    file.verify();
  }
  return await writer.commit();
}
