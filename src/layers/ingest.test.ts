import assert from 'node:assert/strict';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../../tests/support/lab.ts';
import { tarOf } from '../../tests/support/tar-of.ts';
import { Layers } from './layers.ts';

test('Layers.ingest() reads a stream of a file, which has a descriptor too, to its end', async () => {
  await using lab = await Lab.open();
  const path = join(lab.folder, 'layer.tar');
  writeFileSync(path, tarOf([{ path: 'a', content: 'content of a' }]));
  const layers = new Layers(lab.store);
  const { diffId, entryCount } = await layers.ingest(createReadStream(path));
  assert.equal(entryCount, 1);
  assert.equal((await layers.stack([diffId])).view.find('a')?.sizeBytes, 12);
});
