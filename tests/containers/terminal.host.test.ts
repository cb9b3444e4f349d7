import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, inTerminal, until } from './container-lab.ts';

const hasScript = spawnSync('which', ['script']).status === 0;
const skip = BUSYBOX.missing || cannotRun || (hasScript ? false : 'script is not installed');

describe('terminals', { skip }, () => {
  let world: ContainerLab;
  before(async () => {
    world = await ContainerLab.open();
  });
  after(() => world[Symbol.asyncDispose]());

  const shell = [
    '--network',
    'none',
    'busybox',
    'sh',
    '-c',
    'stty -echo; echo READY; while read l; do eval "$l"; done',
  ];

  test('F-250: run -it gives a terminal, and puts ours back as it was', async () => {
    const { text, status } = await inTerminal(
      world,
      ['run', '-it', '--rm', ...shell],
      [
        [/READY/, 'test -t 0 && test -t 1 && echo both\n'],
        [/both/, 'exit 4\n'],
      ],
    );
    assert.match(text, /both\n/);
    assert.equal(status, 4);
    assert.match(text, /^ icanon/m);
  });

  test('F-250: the detach keys leave it running, attach finds it again, --rm holds at its end', async () => {
    const { text, status } = await inTerminal(
      world,
      ['run', '-it', '--rm', '--name', 'left', ...shell],
      [
        [/READY/, 'mark=kept; echo set\n'],
        [/set/, '\x10\x11'],
      ],
    );
    assert.equal(status, 0, text);
    assert.equal((await world.state('left'))['Status'], 'running');
    const again = await inTerminal(
      world,
      ['attach', 'left'],
      [
        // Nothing is shown before something is typed: the line is sent as soon as there is a terminal.
        [/(?:)/, 'echo $mark\n'],
        [/kept/, 'exit 6\n'],
      ],
    );
    assert.deepEqual([again.status, /kept/.test(again.text)], [6, true], again.text);
    await until(async () => (await world.lab.store.containers.find('left')) === undefined, 'it is removed');
  });

  test('F-250: a hundred megabytes through a pipe lose nothing, and binary data stays as it is', async () => {
    const count = world.shale([
      'run',
      '--rm',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'yes | head -c 100000000 | md5sum; yes | head -c 100000000',
    ]);
    assert.equal(count.stdout.length, 100_000_036);
    const kept = world.shale([
      'run',
      '--network',
      'none',
      '--name',
      'much',
      '--log-opt',
      'max-size=200m',
      'busybox',
      'sh',
      '-c',
      'yes 0123456789 | head -c 20000000',
    ]);
    assert.equal(kept.stdout.length, 20_000_000);
    assert.equal((await world.logs('much')).length, 20_000_000);
    const binary = readFileSync(join(import.meta.dirname, '../../LICENSE')).subarray(0, 1000);
    const noise = Buffer.concat([Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte)), binary]);
    const back = world.shale(['run', '-i', '--network', 'none', '--name', 'bytes', 'busybox', 'cat'], { input: noise });
    assert.deepEqual(Buffer.from(back.stdout, 'latin1'), noise);
  });
});
