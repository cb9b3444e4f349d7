import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCorpus } from '../syntax/corpus.fixture.ts';
import { describeDockerfile } from './describe.ts';

const realWorld = readCorpus('real-world.jsonl.gz');

test('describeDockerfile() leaves out what cannot be said of a file with an error', async () => {
  const keys = async (text: string): Promise<string[]> => Object.keys(await describeDockerfile(text));
  assert.deepEqual(await keys('FROM a'), ['escape', 'dump', 'lines', 'stages', 'checks']);
  assert.deepEqual(await keys('FROM $x'), ['escape', 'dump', 'lines', 'stages', 'checks', 'error']);
  assert.deepEqual(await keys('FROM a\nNO'), ['escape', 'dump', 'lines', 'checks', 'error']);
  assert.deepEqual(await keys('FROM a\nRUN <<E'), ['checks', 'error']);
});

test('describeDockerfile() takes 1,500 files in seconds', { skip: realWorld.missing }, async () => {
  const texts = realWorld.readLines<{ readonly text: string }>().map(({ text }) => text);
  const started = process.cpuUsage();
  for (const text of texts) await describeDockerfile(text);
  // The time of this process alone, since others use the machine: a second, where nobody else does.
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 6_000_000, `${user + system} µs`);
});
