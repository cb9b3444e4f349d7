/** What takes a process of its own to be measured. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const PROGRAM = `
import { encodeTarHeader, TarParser } from '${new URL('index.ts', import.meta.url).href}';
const header = (i) => encodeTarHeader({ path: 'dir/file-' + i, kind: 'file', mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n,
  sizeBytes: 0, linkTarget: '', deviceMajor: 0, deviceMinor: 0, xattrs: new Map() });
const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, i) => header(i)));
const measure = (entries) => {
  let seen = 0;
  const parser = new TarParser({ entry: () => seen++ });
  const start = process.cpuUsage();
  for (let i = 0; i < entries; i += 1000) parser.write(chunk);
  parser.end();
  const used = process.cpuUsage(start);
  return { seen, microseconds: used.user + used.system };
};
measure(100_000);
const small = measure(100_000);
const large = measure(1_000_000);
console.log(JSON.stringify({ small, large, rssBytes: process.resourceUsage().maxRSS * 1024 }));
`;

test('F-028: a million empty files are read in linear time and less than 300 MiB', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  const measured: Record<'small' | 'large', { seen: number; microseconds: number }> & { rssBytes: number } =
    JSON.parse(stdout);
  assert.equal(measured.large.seen, 1_000_000);
  assert.ok(measured.rssBytes < 300 * 1024 * 1024, `${measured.rssBytes} bytes of memory`);
  assert.ok(measured.large.microseconds <= 12 * measured.small.microseconds, stdout);
});
