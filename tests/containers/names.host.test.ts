/** Names that are none, for everything that has one: each is refused in words that fit a terminal, and nothing is made. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, type ShaleError } from '../../src/base/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { containerRequest } from '../support/requests.ts';
import { ContainerLab, watch } from './container-lab.ts';

const skip = BUSYBOX.missing || cannotRun;
/** What a message and its hint have at most. */
const SHOWN_MAX = 1000;

const BAD = [
  '../x',
  '..',
  '.',
  '/',
  'a/../../b',
  '\u0000',
  'x\u0000y',
  'ü',
  'Ω'.repeat(100),
  '\uD800',
  'a b',
  '-x',
  '--rm',
  '\u001B[31mred',
  'line\nline',
  '%2e%2e%2fx',
  "x'; DROP TABLE containers; --",
  '__proto__:',
  'x'.repeat(1024 * 1024),
  'f'.repeat(1024 * 1024),
];

async function refusal(work: () => Promise<unknown>, what: string): Promise<ShaleError> {
  let made: unknown;
  try {
    made = await work();
  } catch (error) {
    assert.ok(isShaleError(error), `${what}: ${String(error)}`);
    assert.ok(`${error.message}${error.hint ?? ''}`.length < SHOWN_MAX, `${what}: the message is too long`);
    assert.doesNotMatch(error.message, /[\u0000-\u001F\u007F]/, what);
    return error;
  }
  return assert.fail(`${what} is taken: ${JSON.stringify(made)}`);
}

describe('names that are none', { skip }, () => {
  let world: ContainerLab;
  let engine: Engine;
  before(async () => {
    world = await ContainerLab.open();
    ({ engine } = world.lab);
  });
  after(() => world[Symbol.asyncDispose]());

  const named = (name: string, more = {}): ReturnType<typeof containerRequest> =>
    containerRequest('busybox', ['true'], { name, network: 'none', detach: true, ...more });

  /** All that has a name in this store, and what lies around it. */
  async function everything(): Promise<unknown> {
    return {
      containers: await engine.containers({ all: true }),
      images: (await engine.images({ all: true })).map(({ id, tag }) => [id, tag]),
      volumes: (await engine.volumes()).map(({ name }) => name),
      networks: (await engine.networks()).map(({ name }) => name),
      files: [dirname(world.lab.home), world.lab.home].map((folder) => readdirSync(folder).toSorted()),
      folders: ['containers', 'volumes', 'networks'].map((name) => namesIn(join(world.lab.home, name))),
    };
  }

  const makers: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    create: (name) => engine.create(named(name), watch()),
    run: (name) => engine.run(named(name), watch()),
    rename: (name) => engine.rename('there', name),
    tag: (name) => engine.tag('busybox', name),
    'volume create': (name) => engine.createVolume({ name }),
    'run -v': (name) =>
      engine.create(
        named('other', { volumes: [{ kind: 'volume', name, target: '/v', readOnly: false, noCopy: false }] }),
        watch(),
      ),
    'network create': (name) =>
      engine.createNetwork({ name, internal: false, ipv6: false, subnets: [], labels: {}, options: {} }),
  };

  const finders: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    start: (container) => engine.start({ container, attach: false, interactive: false }, watch()),
    attach: (container) => engine.attach({ container, interactive: false }, watch()),
    stop: (name) => engine.stop(name, {}, watch()),
    kill: (name) => engine.kill(name, { signal: 'KILL' }),
    pause: (name) => engine.pause(name),
    wait: (name) => engine.wait(name, watch()),
    rm: (name) => engine.removeContainer(name, { force: true, volumes: true }),
    'rename from': (name) => engine.rename(name, 'new'),
    exec: (container) =>
      engine.exec(
        {
          container,
          command: ['true'],
          environment: {},
          interactive: false,
          terminal: false,
          detach: false,
          privileged: false,
        },
        watch(),
      ),
    logs: async (name) => {
      for await (const _ of engine.logs(name, { follow: false, timestamps: false }, watch())) break;
    },
    inspect: (name) => engine.inspect(name),
    'inspect container': (name) => engine.inspect(name, 'container'),
    'inspect image': (name) => engine.inspect(name, 'image'),
    'run of an image': (image) => engine.run(containerRequest(image, ['true'], { network: 'none' }), watch()),
    rmi: (name) => engine.removeImage(name, { force: true }),
    why: (build) => engine.why({ build }),
    'volume inspect': (name) => engine.inspectVolume(name),
    'volume rm': (name) => engine.removeVolume(name, { force: false }),
    'network inspect': (name) => engine.inspectNetwork(name),
    'network rm': (name) => engine.removeNetwork(name),
  };

  test('F-284: nothing is made under a name that is none, and nothing is found', async () => {
    await engine.create(named('there'), watch());
    const before = await everything();
    for (const [what, make] of Object.entries(makers))
      for (const name of BAD) {
        const { code } = await refusal(() => make(name), `${what} ${JSON.stringify(name.slice(0, 30))}`);
        assert.match(code, /_INVALID$/, `${what} ${JSON.stringify(name.slice(0, 30))}`);
      }
    for (const [what, find] of Object.entries(finders))
      for (const name of [...BAD, '']) {
        const { code } = await refusal(() => find(name), `${what} ${JSON.stringify(name.slice(0, 30))}`);
        assert.match(code, /_NOT_FOUND$|_INVALID$/, `${what} ${JSON.stringify(name.slice(0, 30))}`);
      }
    assert.deepEqual(await everything(), before);
  });

  test('F-284: a name of no characters is no name: a container gets one, as with docker', async () => {
    const { containerId } = await engine.create(named(''), watch());
    assert.match((await world.lab.store.containers.get(containerId)).name, /^[a-z]+_[a-z]+\d+$/);
  });

  test('F-284: the beginning of several ids is told with what it may be', async () => {
    // Of seventeen ids two begin with the same digit.
    const ids: string[] = [];
    while (ids.length < 17) {
      // Those that go with their command, which is this test, are made sooner.
      const soon = named(`many${ids.length}`, { detach: false, removeWhenDone: true });
      ids.push((await engine.create(soon, watch())).containerId);
    }
    const all = (await engine.containers({ all: true })).map(({ id }) => id);
    const digit = '0123456789abcdef'.split('').find((one) => ids.filter((id) => id.startsWith(one)).length > 1) ?? '';
    const matching = all.filter((id) => id.startsWith(digit)).toSorted();
    for (const what of ['stop', 'rm', 'exec', 'inspect container']) {
      const error = await refusal(() => finders[what]?.(digit) ?? Promise.resolve(), what);
      assert.equal(error.code, 'NAME_AMBIGUOUS', what);
      for (const id of matching.slice(0, 5)) assert.ok(error.message.includes(id.slice(0, 12)), error.message);
    }
    const { status, stderr } = world.shale(['rm', '-f', digit]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      new RegExp(`more than one container id begins with ${digit}: ${matching[0]?.slice(0, 12)} \\(`),
    );
    assert.deepEqual((await engine.containers({ all: true })).map(({ id }) => id).toSorted(), all.toSorted());
  });
});

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}
