/** The limit of a pull: gunzip and sha256 of the same streams, all at once. Argument: a folder with compressed layers. */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { createGunzip } from 'node:zlib';

const folder = process.argv[2] ?? '';
await Promise.all(
  readdirSync(folder).map(async (name) => {
    const hash = createHash('sha256');
    const plain = createReadStream(`${folder}/${name}`, { highWaterMark: 1024 * 1024 }).pipe(
      createGunzip({ chunkSize: 1024 * 1024 }),
    );
    for await (const chunk of plain as AsyncIterable<Uint8Array>) hash.update(chunk);
    hash.digest();
  }),
);
