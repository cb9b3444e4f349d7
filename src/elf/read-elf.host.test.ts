import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ElfFile, readElf } from './index.ts';

const FOLDERS = ['/usr/bin', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/sbin'];
const FILES_MAX = 25;

function read(path: string): ElfFile | undefined {
  const bytes = readFileSync(path);
  return readElf({
    sizeBytes: bytes.length,
    read: ({ offset, lengthBytes }) => bytes.subarray(offset, offset + lengthBytes),
  });
}

test('readElf() reads of the programs and libraries of this machine what readelf does', (t) => {
  if (spawnSync('sh', ['-c', 'command -v readelf']).status !== 0) return t.skip('readelf not installed');
  const paths = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder).map((name) => join(folder, name)),
  );
  const files = [
    ...new Set(paths.flatMap((path) => (existsSync(path) && statSync(path).isFile() ? [realpathSync(path)] : []))),
  ].toSorted();
  const step = Math.max(1, Math.floor(files.length / FILES_MAX));
  let compared = 0;
  for (const path of files.filter((_, i) => i % step === 0)) {
    const ours = /\.(py|sh|pl|a|txt)$/.test(path) ? undefined : read(path);
    if (ours === undefined) continue;
    const { stdout } = spawnSync('readelf', ['-W', '-h', '-l', '-d', '-V', path], { encoding: 'latin1' });
    const all = (pattern: RegExp): string[] => [...stdout.matchAll(pattern)].map(([, found = '']) => found);
    assert.equal(ours.interpreter, all(/Requesting program interpreter: ([^\]]+)\]/g)[0], path);
    assert.deepEqual(ours.needed, all(/\(NEEDED\)\s+Shared library: \[([^\]]*)\]/g), path);
    assert.equal(ours.soname, all(/\(SONAME\)\s+Library soname: \[([^\]]*)\]/g)[0], path);
    const [, needs = ''] = stdout.split(/Version needs section/);
    const [, definitions = ''] = stdout.split(/Version definition section/);
    const names = [...needs.matchAll(/Name: (\S+)\s+Flags/g)].map(([, name = '']) => name).toSorted();
    assert.deepEqual([...ours.versions.values()].flat().toSorted(), names, path);
    const own = [...(definitions.split(/Version needs section/)[0] ?? '').matchAll(/Cnt: \d+\s+Name: (\S+)/g)];
    assert.deepEqual(ours.defines.toSorted(), own.map(([, name = '']) => name).toSorted(), path);
    compared++;
  }
  assert.ok(compared > 10, `${compared} files were compared`);
});
