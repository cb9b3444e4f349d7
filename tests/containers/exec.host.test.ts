/** Commands in containers that run: how many, as whom, where, and what they say. SHALE_TEST_LONG=1 has a thousand of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import type { Engine, ExecRequest } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, until, watch } from './container-lab.ts';

const skip = BUSYBOX.missing || cannotRun;
const EXECS = process.env['SHALE_TEST_LONG'] === '1' ? 1000 : 50;
/** Commands at once. */
const AT_ONCE = 5;
/** What may be open by chance: less than one for each command. */
const BY_CHANCE = 20;

describe('commands in containers', { skip }, () => {
  let world: ContainerLab;
  let engine: Engine;
  before(async () => {
    world = await ContainerLab.open();
    ({ engine } = world.lab);
  });
  after(() => world[Symbol.asyncDispose]());

  const remove = (id: string): Promise<unknown> => engine.removeContainer(id, { force: true, volumes: true });

  /** The pid of conmon, which keeps a container. */
  function keeperOf(id: string): number {
    const file = join(world.lab.home, 'containers', id, 'container.json');
    return (JSON.parse(readFileSync(file, 'utf8')) as { keeper: { pid: number } }).keeper.pid; // Ours.
  }

  const execRequest = (
    container: string,
    command: readonly string[],
    more: Partial<ExecRequest> = {},
  ): ExecRequest => ({
    container,
    command,
    environment: {},
    interactive: false,
    terminal: false,
    detach: false,
    privileged: false,
    ...more,
  });

  test(`F-279: each of ${EXECS} commands has its own exit status, and nothing is left of them`, async () => {
    const id = await world.run('sleep 600');
    const keeper = keeperOf(id);
    const one = async (number: number): Promise<void> => {
      const { exit } = await engine.exec(execRequest(id, ['sh', '-c', `exit ${number % 120}`]), watch());
      assert.equal(await exit, number % 120);
    };
    for (let number = 0; number < AT_ONCE; number++) await one(number);
    const before = resources(keeper);
    for (let number = 0; number < EXECS; number += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, (_, more) => one(number + more)));
    await until(() => isWithin(resources(keeper), before), 'what they used is free again');
    const folder = join(world.lab.runRoot, 'containers', id);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('exec-')),
      [],
    );
    const { stdout } = world.exec(id, 'ls -d /proc/[0-9]* | wc -l');
    // The first, the shell, and the two that count.
    assert.ok(Number(stdout) <= 4, stdout);
    await remove(id);
  });

  test('F-279: a container that is paused, has ended, or is not there is entered by nobody, and says so', async () => {
    const id = await world.run('sleep 600', { name: 'resting' });
    await engine.pause(id);
    await assert.rejects(engine.exec(execRequest(id, ['true']), watch()), { code: 'CONTAINER_PAUSED' });
    await engine.unpause(id);
    await engine.stop(id, { seconds: 0 }, watch());
    await assert.rejects(engine.exec(execRequest(id, ['true']), watch()), { code: 'CONTAINER_NOT_RUNNING' });
    await remove(id);
    await assert.rejects(engine.exec(execRequest(id, ['true']), watch()), { code: 'CONTAINER_NOT_FOUND' });
  });

  test('F-279: users, folders and variables of a command are what they say, and lead nowhere else', async () => {
    const id = await world.run('sleep 600', { name: 'inside' });
    /** The status, where it began at all. */
    const statusOf = async (more: Partial<ExecRequest>, script = 'true'): Promise<number> => {
      try {
        return await (
          await engine.exec(execRequest(id, ['sh', '-c', script], more), watch())
        ).exit;
      } catch (error) {
        if (isShaleError(error)) return -1;
        throw error;
      }
    };
    for (const user of ['0:0:0', '../../etc/passwd', 'root\nroot', '-1', '4294967296', 'nobody:none', '0x0'])
      assert.notEqual(await statusOf({ user }), 0, user);
    // An open folder of the runtime would lead out (CVE-2024-21626).
    const outside = join(world.lab.folder, 'outside');
    writeFileSync(outside, '');
    for (const workingDirectory of [
      '/proc/self/fd/7',
      '/proc/self/fd/8/../../..',
      '/proc/self/fd/9',
      'relative',
      '/none',
      '../..',
    ])
      assert.notEqual(await statusOf({ workingDirectory }, `test -e ../../../../..${outside}`), 0, workingDirectory);
    const hostile = ['LD_PRELOAD=/none.so', 'PATH=', 'A=b\nC=d', 'X=$(id)', '_LIBCONTAINER_INITPIPE=3', 'HOME=/x'];
    const variable = hostile.map((one) => `--env=${one}`);
    const shown = world.shale(['exec', ...variable, 'inside', '/bin/cat', '/proc/self/environ']);
    assert.equal(shown.status, 0, shown.stderr);
    const variables = shown.stdout.split('\0');
    for (const one of hostile.filter((text) => !text.startsWith('_LIBCONTAINER')))
      assert.ok(variables.includes(one), `${one}: ${variables.join(' ')}`);
    assert.equal(world.shale(['exec', '--env==x', 'inside', 'true']).status, 125);
    await remove(id);
  });

  test('F-279: more than a hundred megabytes come out of a command, and its exit status after them', async () => {
    const id = await world.run('sleep 600');
    const { status, stdout } = world.exec(id, 'yes | head -c 105000000; exit 9');
    assert.deepEqual([status, stdout.length], [9, 105_000_000]);
    await remove(id);
  });
});

function descriptors(pid: number | 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

interface Resources {
  readonly own: number;
  readonly handles: number;
  readonly keeper: number;
}

/** What this process and conmon have open. */
function resources(keeper: number): Resources {
  return { own: descriptors('self'), handles: process.getActiveResourcesInfo().length, keeper: descriptors(keeper) };
}

function isWithin(now: Resources, before: Resources): boolean {
  return (['own', 'handles', 'keeper'] as const).every((what) => now[what] <= before[what] + BY_CHANCE);
}
