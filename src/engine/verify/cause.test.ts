import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { SourceNode } from '../../build/index.ts';
import type { TreeChange } from '../compare-trees.ts';
import { diagnose } from './cause.ts';

// Only links are looked at for more than their contents.
const node = { linkTarget: () => 'target' } as unknown as SourceNode;

function causeOf(
  path: string,
  before?: string | Buffer,
  after?: string | Buffer,
  differs = ['content'] as const,
): string {
  const change: TreeChange =
    before === undefined
      ? { kind: 'added', path, after: node }
      : { kind: 'changed', path, before: node, after: node, differs };
  const bytes = (text: string | Buffer): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);
  const contents = before === undefined || after === undefined ? {} : { before: bytes(before), after: bytes(after) };
  return diagnose({ change, ...contents }).cause;
}

test('diagnose() tells times, ids, counts and orders from what two builds wrote', () => {
  const cases: [path: string, before: string, after: string, cause: string][] = [
    ['etc/built', 'Sat Nov 28 23:13:30 UTC 2026\n', 'Sun Nov 29 01:00:02 UTC 2026\n', 'time stamp'],
    ['usr/x.h', '#define AT "2026-11-28T23:13:30Z"', '#define AT "2026-11-29T01:00:02Z"', 'time stamp'],
    ['etc/seconds', '1790000000\n', '1790012345\n', 'time stamp'],
    ['etc/id', 'id=3f2a9c1b7d04\n', 'id=9b1c0d2e4f56\n', 'random id'],
    ['etc/uuid', 'a 0b29c1f4-93a1-4a52-8c4e-0d6fb3a0c001', 'a 7c0e4b1a-2d5f-4c83-b1a2-55e0f9d1c002', 'random id'],
    ['etc/machine-id', 'x', 'y', 'random id'],
    ['etc/set.json', '{"b": 1, "a": 2}', '{"a": 2, "b": 1}', 'hash order'],
    ['etc/jobs', 'make -j2\n', 'make -j1\n', 'cpu count'],
    ['usr/lib/python3/__pycache__/x.cpython-313.pyc', 'a', 'b', 'bytecode'],
    ['var/log/x', 'a', 'b', 'log'],
    ['var/lib/apt/lists/x_InRelease', 'a', 'b', 'package index'],
    ['usr/lib/locale/locale-archive', 'a', 'b', 'locale'],
    ['usr/bin/program', 'one', 'other', 'unknown'],
    ['etc/env', 'A=1\n', 'A=1\nLD_PRELOAD=/run/shale-clock.so\n', 'variables'],
  ];
  for (const [path, before, after, cause] of cases) assert.equal(causeOf(path, before, after), cause, path);
});

test('diagnose() looks into the headers of archives', () => {
  const zipped = gzipSync('same');
  const later = Buffer.from(zipped);
  later.writeUInt32LE(1_790_000_000, 4);
  assert.equal(causeOf('usr/share/doc/x.gz', zipped, later), 'time stamp');
  assert.equal(causeOf('usr/share/doc/x.gz', zipped, gzipSync('other')), 'unknown');
  const zip = (time: number): Buffer => {
    const local = Buffer.alloc(30);
    local.write('PK\x03\x04', 'latin1');
    local.writeUInt32LE(time, 10);
    return local;
  };
  assert.equal(causeOf('app.jar', zip(1), zip(2)), 'time stamp');
});

test('diagnose() takes names that chance made for what they are, and says what would mend', () => {
  assert.equal(causeOf('tmp/tmp.Xa81Kz02'), 'random id');
  assert.equal(causeOf('usr/bin/new'), 'unknown');
  const change: TreeChange = { kind: 'added', path: 'var/log/a.log', after: node };
  assert.match(diagnose({ change }).mend, /rm -f \/var\/log\/a\.log/);
});
