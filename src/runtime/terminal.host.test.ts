import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { containersMissing, openWorld, type World } from './runtime.fixture.ts';

const skip = containersMissing('script', 'stty');
const program = fileURLToPath(new URL('terminal.fixture.ts', import.meta.url));

/** Runs a script in a container with a terminal (that of `script`) and types `input`. */
async function inTerminal(world: World, script: string, input = ''): Promise<string> {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const words = [process.execPath, program, world.runRoot, world.rootfs, world.spec(['x']).id, script];
  const child = spawn('script', ['-qec', words.map(quote).join(' '), '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk as Uint8Array).toString(); // a stream without encoding yields Buffers
    if (text.includes('READY') && input !== '' && child.stdin.writable) {
      child.stdin.write(input);
      input = '';
    }
    if (text.includes('EXIT')) child.stdin.end();
  }
  return text.replaceAll('\r', '');
}

test('F-250: a container with a terminal has one, and gives it back as it was', { skip }, async () => {
  using world = openWorld();
  const text = await inTerminal(world, 'tty; test -t 0 && test -t 1 && echo both; stty size; echo $TERM; exit 3');
  assert.match(text, /^\/dev\/(pts\/0|console)\nboth\n40 100\nxterm\n/m);
  assert.match(text, /EXIT \{"kind":"exited","code":3,"oomKilled":false\} MODES kept/);
});

test('F-249: Ctrl-C in a terminal reaches the program in the container only', { skip }, async () => {
  using world = openWorld();
  const text = await inTerminal(
    world,
    'trap "echo caught; exit 9" INT; echo READY; while :; do sleep 0.05; done',
    '\x03',
  );
  assert.match(text, /caught\n/);
  assert.match(text, /EXIT \{"kind":"exited","code":9/);
});

test('F-250: the terminal is as before after kill -9 of the container', { skip }, async () => {
  using world = openWorld();
  const text = await inTerminal(world, ': KILLME; stty raw -echo; sleep 60');
  assert.match(text, /EXIT \{"kind":"exited","code":137,"signal":9,"oomKilled":false\} MODES kept/);
});
