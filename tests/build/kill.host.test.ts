/**
 * `kill -9` of a building command at any moment: a second later nothing of it runs or is mounted, the next command clears
 * away what lies about, and the store is whole. SHALE_TEST_LONG=1 does it 500 times.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const ROUNDS = process.env['SHALE_TEST_LONG'] === '1' ? 500 : 20;
const PROGRAM = join(import.meta.dirname, '../../bin/shale');
/** In the command line of a process of a step, and of nothing else on this machine. */
const MARK = `3600.${process.pid}`;
const NETAVARK = ['/usr/lib/podman/netavark', '/usr/libexec/podman/netavark'].some(existsSync);

const DOCKERFILE = `FROM busybox AS one
COPY tree /tree/
RUN cp -r /tree /copy; echo $((1+1)) > /two
RUN sleep 0.2; rm -r /copy
FROM busybox AS two
ADD archive.tar /a/
RUN (sleep ${MARK} &) ; dd if=/dev/zero of=/zeros bs=1M count=20 2>/dev/null; sleep 0.2
FROM scratch
COPY --from=one /tree /one/
COPY --from=two /a /two/
COPY --from=two /zeros /zeros
`;

describe('F-122: kill -9 of a build', { skip }, () => {
  let lab: Lab;
  let context: string;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
    const files = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`tree/${i % 7}/f${i}`, 'x'.repeat(i * 3000)]),
    );
    context = lab.context({ ...files, Dockerfile: DOCKERFILE });
    spawnSync('tar', ['-cf', join(context, 'archive.tar'), '-C', context, 'tree']);
  });
  after(() => lab[Symbol.asyncDispose]());

  function environment(): NodeJS.ProcessEnv {
    return { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot, NO_COLOR: '1' };
  }

  function shale(...words: string[]): { status: number | null; stderr: string; stdout: string } {
    const result = spawnSync(process.execPath, [PROGRAM, ...words], { env: environment(), encoding: 'utf8' });
    return { status: result.status, stderr: result.stderr, stdout: result.stdout };
  }

  /** Processes of the build, whatever they are. */
  function processes(): string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
        if ([command, mounts].some((text) => text.includes(lab.folder) || text.includes(MARK)))
          found.push(`${pid} ${command}`);
      } catch {
        // It ended meanwhile.
      }
    }
    return found;
  }

  function workFolders(): string[] {
    const names = (folder: string): string[] => {
      const path = join(lab.folder, folder);
      return existsSync(path) ? readdirSync(path).map((name) => `${folder}/${name}`) : [];
    };
    const all = ['home/ingest', 'home/sources', 'run/containers', 'run/mounts', 'run/runc', 'run/networks'].flatMap(
      names,
    );
    return all.filter((name) => !/\/(stat-|\.|lock)/.test(name));
  }

  /** Cgroups of the containers that the run folder knows. */
  function cgroups(): string[] {
    const folder = join(lab.runRoot, 'containers');
    const ids = existsSync(folder) ? readdirSync(folder) : [];
    const root = '/sys/fs/cgroup';
    const hierarchies = [root, ...readdirSync(root).map((name) => `${root}/${name}`)];
    return ids.flatMap((id) => hierarchies.map((path) => `${path}/shale-${id}`)).filter((path) => existsSync(path));
  }

  async function killedBuild(afterMs: number, network: string): Promise<void> {
    const child = spawn(
      process.execPath,
      [PROGRAM, 'build', '--no-cache', '--network', network, '-t', 'killed:1', context],
      {
        env: environment(),
        stdio: 'ignore',
      },
    );
    const ended = new Promise((resolve) => child.on('close', resolve));
    await pause(afterMs);
    child.kill('SIGKILL');
    await ended;
    const begin = performance.now();
    let left = processes();
    while (left.length > 0 && performance.now() - begin < 1000) {
      await pause(20);
      left = processes();
    }
    assert.deepEqual(left, [], `killed after ${afterMs} ms`);
    assert.equal(readFileSync('/proc/self/mountinfo', 'latin1').includes(lab.folder), false);
  }

  test(`${ROUNDS} times at random moments`, { timeout: ROUNDS * 10_000 }, async () => {
    const begin = performance.now();
    const whole = shale('build', '--no-cache', '--network', 'none', '-q', context);
    assert.equal(whole.status, 0, whole.stderr);
    const lasts = performance.now() - begin;
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const network = NETAVARK && round % 5 === 4 ? 'bridge' : 'none';
      await killedBuild(Math.random() * lasts * (network === 'bridge' ? 1.3 : 1.05), network);
      for (const path of cgroups()) seen.add(path);
      if (round % 10 !== 9) continue;
      assert.deepEqual(shale('system', 'check', '--full').status, 0);
    }
    const again = shale('build', '--no-cache', '--network', 'none', '-q', context);
    assert.equal(again.status, 0, again.stderr);
    assert.equal(again.stdout, whole.stdout, 'the build gives what it gave before');
    assert.deepEqual(workFolders(), []);
    assert.deepEqual(
      [...seen].filter((path) => existsSync(path)),
      [],
    );
    const check = shale('system', 'check', '--full');
    assert.equal(check.status, 0, check.stdout + check.stderr);
  });

  test('after the last one nothing is left but what a fresh store has', async () => {
    const { status, stderr } = shale('system', 'prune', '--all', '--force');
    assert.equal(status, 0, stderr);
    assert.deepEqual(workFolders(), []);
    await using fresh = await Lab.open();
    await fresh.importBusybox();
    const blobs = (one: Lab): string[] => readdirSync(join(one.home, 'blobs/sha256'));
    assert.ok(blobs(lab).length <= blobs(fresh).length, blobs(lab).join(' '));
  });

  test(
    'the network of a killed build goes with the next one',
    { skip: !NETAVARK && 'netavark is not installed' },
    async () => {
      const before = hostNetwork();
      for (const share of [0.4, 0.7, 0.9]) await killedBuild(share * 2500, 'bridge');
      const next = shale('build', '--no-cache', '--network', 'none', '-q', context);
      assert.equal(next.status, 0, next.stderr);
      // Networks are taken down in the background of the command that sweeps them.
      const left = (): string[] => [...hostNetwork().filter((line) => !before.includes(line)), ...workFolders()];
      for (let waited = 0; waited < 10_000 && left().length > 0; waited += 50) await pause(50);
      assert.deepEqual(left(), []);
    },
  );

  function hostNetwork(): string[] {
    const interfaces = readdirSync('/sys/class/net').filter((name) => /^(veth|shale)/.test(name));
    const rules = spawnSync('iptables-save', { encoding: 'utf8' }).stdout ?? '';
    return [...interfaces, ...rules.split('\n').filter((line) => /^-A|^:NETAVARK/.test(line))].map((line) =>
      line.replace(/ \[\d+:\d+\]$/, ''),
    );
  }
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
