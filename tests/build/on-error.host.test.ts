/** `shale build --on-error shell`, typed into a real terminal. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const script = spawnSync('script', ['--version']).status === 0 ? false : 'script is not installed';
const skip = cannotRun || BUSYBOX.missing || script;
const PROGRAM = join(import.meta.dirname, '../../bin/shale');
const PROMPT = /\[(?:a\/)?b\/q\] $/;
/** Of the shell inside: `/ # `, `/w $ `; its line editor asks for the cursor's place after it. */
const SHELL_PROMPT = /[#$] (?:\u001B\[6n)?$/;

describe('build --on-error shell', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  /** Builds in a terminal and types the lines, each when a prompt of its kind stands there. */
  async function type(context: string, lines: readonly (readonly [RegExp, string])[]): Promise<string> {
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot, TERM: 'xterm', NO_COLOR: '1' };
    const command = `stty cols 200 rows 50; ${PROGRAM} build --network none --progress plain --on-error shell ${context}; echo STATUS $?`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    let seen = 0;
    const rest = [...lines];
    for await (const chunk of child.stdout) {
      text += Buffer.from(chunk as Uint8Array).toString(); // A stream without encoding yields Buffers.
      const [next] = rest;
      if (next === undefined || !next[0].test(text.slice(seen))) continue;
      rest.shift();
      seen = text.length;
      child.stdin.write(next[1]);
      if (rest.length === 0) child.stdin.end();
    }
    assert.deepEqual(rest, [], text);
    return text.replaceAll('\r', '').replaceAll('\u001B[6n', '');
  }

  test('both states of a failed RUN are entered, with its surroundings, and nothing of it stays', async () => {
    const context = lab.context({
      Dockerfile:
        'FROM busybox\nARG A=arg\nENV E=env\nWORKDIR /w\nRUN echo kept > /kept\nRUN echo half > half; exit 3\n',
    });
    const text = await type(context, [
      [PROMPT, 'a\n'],
      [SHELL_PROMPT, 'echo "A:$A:$E:$PWD:$(cat half /kept)"; echo mine > /mine; tty; exit 7\n'],
      [PROMPT, 'b\n'],
      [SHELL_PROMPT, 'echo "B:$A:$E:$PWD:$(ls /w /mine 2>/dev/null)"; cat /kept; exit\n'],
      [PROMPT, 'a\n'],
      [SHELL_PROMPT, 'cat /mine; exit\n'],
      [PROMPT, 'q\n'],
    ]);
    assert.match(text, /failed: \[4\/4\] RUN echo half > half; exit 3\n/);
    assert.match(text, /\nA:arg:env:\/w:half\nkept\n\/dev\/(?:console|pts\/0)\n/);
    assert.match(text, /\nB:arg:env:\/w:\/w:\nkept\n|\nB:arg:env:\/w:\nkept\n/);
    assert.match(text, /\nmine\n/);
    assert.match(text, /exit code: 3[\s\S]*STATUS 1\n/);
    const report = await lab.engine.buildReport('latest');
    assert.deepEqual([report.status, report.steps.at(-1)?.outcome], ['error', 'failed']);
    await assert.rejects(lab.build(context, { network: 'none' }), { code: 'EXEC_FAILED' });
    const again = await lab.engine.why({ build: 'latest' });
    assert.deepEqual(
      again.steps.map((step) => step.outcome),
      ['cached', 'cached', 'cached', 'failed'],
    );
  });

  test('a shell has the mounts of the step, and what stays in a cache mount is said', async () => {
    const mounts = '--mount=type=cache,target=/c --mount=type=bind,target=/ctx';
    const context = lab.context({ Dockerfile: `FROM busybox\nRUN ${mounts} echo kept > /c/x; false\n`, f: 'file' });
    const text = await type(context, [
      [PROMPT, 'b\n'],
      [SHELL_PROMPT, 'echo "M:$(cat /c/x):$(cat /ctx/f)"; exit\n'],
      [PROMPT, 'q\n'],
    ]);
    assert.match(text, /thrown away when the build ends, except in the cache mount \/c\.\n/);
    assert.match(text, /\nM:kept:file\n/);
  });

  test('of a COPY that fails there is the state before it', async () => {
    const context = lab.context({
      Dockerfile: 'FROM busybox\nENV E=env\nWORKDIR /w\nRUN echo x > f\nCOPY missing /\n',
    });
    const text = await type(context, [
      [PROMPT, 'a\n'],
      [PROMPT, 'b\n'],
      [SHELL_PROMPT, 'echo "B:$E:$PWD:$(cat f)"; exit\n'],
      [PROMPT, '\u0004'],
    ]);
    assert.match(text, /\nB:env:\/w:x\n/);
    assert.match(text, /"\/?missing"[\s\S]*STATUS 1\n/);
  });

  test('a shell that is not there is said to be missing, and the question comes again', async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /\nRUN ["/f"]\n', f: 'x' });
    const text = await type(context, [
      [PROMPT, 'b\n'],
      [PROMPT, 'q\n'],
    ]);
    assert.match(text, /the shell \/bin\/sh did not start/);
    assert.match(text, /STATUS 1\n/);
  });

  test('without a terminal it is refused before anything is built', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nRUN false\n' });
    const before = (await lab.engine.builds()).length;
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
    const refused = spawnSync(PROGRAM, ['build', '--on-error', 'shell', context], { env, encoding: 'utf8' });
    assert.equal(refused.status, 125);
    assert.match(refused.stderr, /--on-error shell needs a terminal/);
    assert.equal((await lab.engine.builds()).length, before);
  });
});
