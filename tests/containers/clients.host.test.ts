/**
 * Clients of containers that go away, do not read, or send in odd pieces: by whole command lines, and by the engine, which
 * many clients may use at once. SHALE_TEST_LONG=1 has more of each.
 */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AttachedStreams, Engine } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, isRunning, SHALE, until, watch } from './container-lab.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const skip = BUSYBOX.missing || cannotRun;
const CLIENTS = isLong ? 1000 : 60;
const FOLLOWERS = isLong ? 500 : 50;
const ROUNDS = isLong ? 50 : 1;
/** What may be open by chance: less than one for each client. */
const BY_CHANCE = 20;

describe('clients of containers', { skip }, () => {
  let world: ContainerLab;
  let engine: Engine;
  before(async () => {
    world = await ContainerLab.open();
    ({ engine } = world.lab);
  });
  after(() => world[Symbol.asyncDispose]());

  const remove = (id: string): Promise<unknown> => engine.removeContainer(id, { force: true, volumes: true });

  /** conmon, which keeps a container, and its first process. */
  function processesOf(id: string): { readonly init: number; readonly keeper: number } {
    const file = join(world.lab.home, 'containers', id, 'container.json');
    const { init, keeper } = JSON.parse(readFileSync(file, 'utf8')) as Record<'init' | 'keeper', { pid: number }>; // Ours.
    return { init: init.pid, keeper: keeper.pid };
  }

  test('F-272: no socket is open to others: none is abstract, none on a network, and all lie in folders of the owner', async () => {
    const id = await world.run('sleep 600', { interactive: true, terminal: true, restart: { kind: 'always' } });
    await until(() => world.keeper() !== undefined, 'a keeper runs');
    const { attached } = await engine.attach({ container: id, interactive: true }, watch());
    const seen: string[] = [];
    for (const pid of [processesOf(id).keeper, world.keeper() ?? 0]) {
      const inodes = new Set(socketsOf(pid));
      for (const { inode, path } of unixSockets(pid)) if (inodes.has(inode)) seen.push(path);
      assert.deepEqual(
        tcpListeners(pid).filter((inode) => inodes.has(inode)),
        [],
        'no port is listened on',
      );
    }
    assert.deepEqual(
      seen.filter((path) => path.startsWith('@')),
      [],
      'no abstract name',
    );
    assert.ok(
      seen.some((path) => path.endsWith('/attach')),
      seen.join(' '),
    );
    for (const root of [world.lab.runRoot, world.lab.home])
      for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
        const path = join(root, name);
        if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) continue;
        const kept = [...foldersTo(path, root)].some((folder) => (lstatSync(folder).mode & 0o077) === 0);
        assert.ok(kept || (lstatSync(path).mode & 0o077) === 0, `${path} can be reached by others`);
      }
    attached?.close();
    await remove(id);
  });

  test(`F-276: nothing is left of ${CLIENTS} clients of each kind that go away`, async () => {
    const id = await world.run('while read line; do echo "$line"; done; sleep 600', { interactive: true });
    const { keeper } = processesOf(id);
    const kinds: Readonly<Record<string, () => Promise<unknown>>> = {
      attach: async () => {
        const { attached, exit } = await engine.attach({ container: id, interactive: true }, watch());
        void exit.catch(() => {});
        attached?.close();
      },
      logs: async () => {
        const stop = new AbortController();
        const query = { follow: true, timestamps: false };
        for await (const _ of engine.logs(id, query, { signal: stop.signal })) stop.abort();
        for await (const _ of engine.logs(id, query, watch())) break;
      },
      events: async () => {
        for await (const _ of engine.events({ sinceMs: 0 }, watch())) break;
      },
      wait: async () => {
        const stop = new AbortController();
        const waited = engine.wait(id, { signal: stop.signal });
        stop.abort();
        await waited.catch(() => {});
      },
      export: async () => {
        for await (const _ of engine.exportContainer(id)) break;
      },
    };
    /** conmon finds out that nobody reads any more when there is something to read. */
    const print = async (text: string): Promise<string> => {
      const { attached } = await engine.attach({ container: id, interactive: true }, watch());
      await attached?.write(Buffer.from(`${text}\n`));
      const got = await readUntil(attached, `${text}\n`);
      attached?.close();
      return got;
    };
    for (const [kind, leave] of Object.entries(kinds)) {
      for (let times = 0; times < 3; times++) await leave();
      await print('before');
      const before = resources(keeper);
      for (let times = 0; times < CLIENTS; times++) await leave();
      await print('after');
      await until(() => isWithin(resources(keeper), before), `what ${kind} used is free again`);
    }
    // It has heard nothing of all that.
    assert.equal((await world.state(id))['Running'], true);
    assert.equal(await print('still here'), 'still here\n');
    await remove(id);
  });

  test(`F-276: commands whose reader goes, or that are killed, end, and leave nothing`, async () => {
    const id = await world.run('while :; do echo line; sleep 0.05; done', { name: 'talks', interactive: true });
    const { keeper, init } = processesOf(id);
    /** They notice at the next line. */
    const talking: readonly (readonly string[])[] = [
      ['logs', '-f', 'talks'],
      ['attach', '--no-stdin', 'talks'],
      ['export', 'talks'],
    ];
    /** They get no chance to tidy up. */
    const waiting: readonly (readonly string[])[] = [
      ['events', '--since', '1h'],
      ['exec', '-i', 'talks', 'sh', '-c', 'echo here; sleep 600'],
      ['attach', 'talks'],
    ];
    const begin = (words: readonly string[]): ChildProcessByStdio<Writable, Readable, Readable> =>
      spawn(SHALE, words, { env: world.env, stdio: ['pipe', 'pipe', 'pipe'] });
    const before = descriptors(keeper);
    for (let round = 0; round < ROUNDS; round++) {
      for (const words of talking) {
        const child = begin(words);
        let stderr = '';
        child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
        child.stdout.once('data', () => child.stdout.destroy());
        const [status] = (await once(child, 'close')) as [number | null]; // As Node documents it.
        assert.deepEqual([status, stderr], [141, ''], words.join(' '));
      }
      for (const words of waiting) {
        const child = begin(words);
        const ended = once(child, 'exit');
        await Promise.race([once(child.stdout, 'data'), ended]);
        assert.equal(child.exitCode, null, `${words.join(' ')} is at work`);
        child.kill('SIGKILL');
        await ended;
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      }
    }
    await until(() => descriptors(keeper) <= before, 'conmon has let go of them');
    assert.ok(isRunning(init));
    const left = readdirSync(join(world.lab.runRoot, 'containers', id)).filter((name) => name.startsWith('exec-'));
    assert.equal(world.exec('talks', 'true').status, 0);
    const after = readdirSync(join(world.lab.runRoot, 'containers', id)).filter((name) => name.startsWith('exec-'));
    assert.deepEqual(after, [], `of ${left.length}`);
    await remove(id);
  });

  test(`F-277: ${FOLLOWERS} followers that do not read on hold little, and others are served`, async () => {
    const megabytes = 24;
    const id = await world.run(`yes $(printf %0999d 0) | head -c ${megabytes}000000; echo end`, {
      name: 'much',
    });
    const signal = AbortSignal.timeout(300_000);
    const stop = new AbortController();
    const slow: AsyncIterator<unknown>[] = [];
    const rss = process.memoryUsage().rss;
    try {
      for (let count = 0; count < FOLLOWERS; count++) {
        const logs = engine.logs(id, { follow: true, timestamps: false }, { signal: stop.signal });
        const events = engine.events({ sinceMs: 0 }, { signal: stop.signal });
        for (const iterable of [logs, events]) {
          const iterator = iterable[Symbol.asyncIterator]();
          await iterator.next();
          slow.push(iterator);
        }
      }
      let bytes = 0;
      let last = '';
      for await (const piece of engine.logs(id, { follow: true, timestamps: false }, { signal })) {
        bytes += piece.bytes.length;
        last = Buffer.from(piece.bytes.subarray(-4)).toString();
      }
      assert.deepEqual([bytes, last], [megabytes * 1_000_000 + 4, 'end\n']);
      for await (const event of engine.events({ sinceMs: 0 }, { signal })) if (event.action === 'die') break;
      // All of it for each of them would be several times as much.
      const limit = (FOLLOWERS * megabytes * 1_000_000) / 2;
      assert.ok(process.memoryUsage().rss - rss < limit, `${process.memoryUsage().rss - rss} of ${limit}`);
    } finally {
      stop.abort();
      for (const iterator of slow) await iterator.return?.();
    }
    await remove(id);
  });

  test('F-278: what is written to stdout and stderr comes from the right one, however it was cut', async () => {
    const sizes = [1, 7, 8, 9, 8191, 8192, 8193, 32_767, 32_768, 32_769];
    const script = sizes.map(
      (size) => `head -c ${size} /dev/zero | tr "\\0" o; head -c ${size} /dev/zero | tr "\\0" e >&2`,
    );
    const id = await world.run(`read go; ${script.join('; ')}; read stop`, { interactive: true });
    const { attached } = await engine.attach({ container: id, interactive: true }, watch());
    assert.ok(attached !== undefined);
    // In pieces of one byte, as no client sends it by accident.
    for (const byte of Buffer.from('go\n')) assert.equal(await attached.write(Uint8Array.of(byte)), true);
    const all = sizes.reduce((sum, size) => sum + size, 0);
    const got = { stdout: '', stderr: '' };
    for await (const { stream, bytes } of attached.output) {
      got[stream] += Buffer.from(bytes).toString('latin1');
      if (got.stdout.length + got.stderr.length >= 2 * all) break;
    }
    assert.deepEqual([got.stdout === 'o'.repeat(all), got.stderr === 'e'.repeat(all)], [true, true]);
    attached.close();
    await remove(id);
  });

  test('F-278: a terminal has one stream, and a size also when it is too late for one', async () => {
    const id = await world.run('read go; stty size; echo out; echo err >&2; read stop', {
      interactive: true,
      terminal: true,
    });
    const { attached } = await engine.attach({ container: id, interactive: true }, watch());
    assert.ok(attached !== undefined);
    attached.resize({ columns: 91, rows: 37 });
    await attached.write(Buffer.from('go\r'));
    const text = await readUntil(attached, 'err\r\n');
    assert.match(text, /out\r\nerr\r\n$/);
    await engine.kill(id, { signal: 'KILL' });
    await engine.wait(id, watch());
    attached.resize({ columns: 1, rows: 1 });
    assert.equal(await attached.write(Buffer.from('nobody\r')), false);
    attached.close();
    attached.resize({ columns: 1, rows: 1 });
    await remove(id);
  });

  test('F-278: the end of the input reaches the container, and its output still comes', () => {
    const words = ['run', '-i', '--network', 'none', '--name', 'half', 'busybox', 'sh', '-c', 'cat; echo and the rest'];
    const input = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, at) => at % 256));
    const { status, stdout } = world.shale(words, { input });
    assert.equal(status, 0);
    assert.ok(Buffer.from(stdout, 'latin1').equals(Buffer.concat([input, Buffer.from('and the rest\n')])));
    const exec = world.shale(['run', '-d', '--network', 'none', '--name', 'idle', 'busybox', 'sleep', '600']);
    assert.equal(exec.status, 0, exec.stderr);
    const half = world.shale(['exec', '-i', 'idle', 'sh', '-c', 'cat; echo and the rest'], { input });
    assert.ok(Buffer.from(half.stdout, 'latin1').equals(Buffer.concat([input, Buffer.from('and the rest\n')])));
  });
});

interface UnixSocket {
  readonly inode: string;
  readonly path: string;
}

/** Sockets with names, of the network namespace of a process (proc(5), /proc/net/unix). */
function unixSockets(pid: number): UnixSocket[] {
  const lines = readFileSync(`/proc/${pid}/net/unix`, 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, inode, path] = /^\S+ \S+ \S+ \S+ \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    return inode === undefined || path === undefined ? [] : [{ inode, path }];
  });
}

/** Inodes of the TCP sockets that listen in the network namespace of a process. */
function tcpListeners(pid: number): string[] {
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, , , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        return state === '0A' ? [inode] : [];
      }),
  );
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

function* foldersTo(path: string, root: string): Generator<string> {
  for (let folder = dirname(path); folder.length >= root.length; folder = dirname(folder)) yield folder;
}

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

async function readUntil(attached: AttachedStreams | undefined, end: string): Promise<string> {
  let text = '';
  if (attached === undefined) return text;
  for await (const { bytes } of attached.output) {
    text += Buffer.from(bytes).toString();
    if (text.endsWith(end)) return text;
  }
  return text;
}
