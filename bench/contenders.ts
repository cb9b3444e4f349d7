import { existsSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.ts';
import type { BuildArguments, Command, Contender, ImageCommands } from './types.ts';

/** Where the lab keeps its peers (see its README). */
export interface Lab {
  readonly bin: string;
  readonly run: string;
  readonly data: string;
  /** Archives of images. */
  readonly images: string;
}

export function findLab(env: Readonly<Record<string, string | undefined>>): Lab {
  const root = env['LAB'] ?? join(env['TMPDIR'] ?? '/tmp', 'lab');
  return {
    bin: env['LAB_BIN'] ?? join(root, 'bin'),
    run: env['LAB_RUN'] ?? join(root, 'run'),
    data: env['LAB_DATA'] ?? join(root, 'data'),
    images: env['LAB_IMAGES'] ?? join(root, 'images'),
  };
}

/** The packed shale with a store of its own. */
export function shaleContender(program: string, home: string): Contender {
  const command = (...args: readonly string[]): Command => ({
    args: [program, ...args],
    env: { SHALE_HOME: home, SHALE_RUN: `${home}.run`, XDG_CACHE_HOME: `${home}.cache` },
  });
  return {
    name: 'shale',
    daemonPidFile: undefined,
    build: (request) => command(...buildArguments(request)),
    buildWithCache: (request, { folder, direction }) =>
      command(
        ...buildArguments(request),
        direction === 'to' ? `--cache-to=type=local,dest=${folder},mode=max` : `--cache-from=type=local,src=${folder}`,
      ),
    run: (image, network) =>
      command('run', '--rm', ...(network === 'none' ? ['--network', 'none'] : []), image, 'true'),
    images: imageCommands(command, { zstd: ['--compression', 'zstd'] }),
    containers: command,
    base: (tag, mirror) =>
      command('base', 'debian', '--no-cache', ...(mirror === undefined ? [] : ['--mirror', mirror]), '-t', tag),
    lint: (folder) => command('lint', '--shellcheck=false', '--failure-threshold', 'none', folder),
    lock: (context, how) =>
      how === 'record'
        ? command('lock', '-q', context)
        : command(
            'build',
            '-q',
            '--no-cache',
            how === 'replay' ? '--locked' : '--no-lock',
            '-t',
            'bench/lock',
            context,
          ),
    forget(...tags) {
      for (const args of [
        ['rmi', '-f', ...tags],
        ['image', 'prune', '-f'],
        ['builder', 'prune', '-af'],
      ])
        run(command(...args), { mayFail: true });
      // Digests of files and downloaded packages are no build cache, but a cold build has none.
      for (const file of globSync(join(home, 'sources/{stat-*,packages}'))) rmSync(file, { recursive: true });
    },
  };
}

/** The peers that are there, and what is said of those that are not. */
export function findPeers(lab: Lab): { readonly contenders: Contender[]; readonly absent: string[] } {
  const docker = join(lab.bin, 'docker');
  const socket = existsSync(join(lab.run, 'docker.sock'));
  const daemon = join(lab.run, 'docker.pid');
  const all: [string, boolean, () => Contender][] = [
    ['docker', existsSync(docker) && socket, () => dockerContender('docker', docker, daemon, {})],
    [
      'docker-classic',
      existsSync(docker) && socket,
      () => dockerContender('docker-classic', docker, daemon, { DOCKER_BUILDKIT: '0' }),
    ],
    ['buildah', existsSync(join(lab.bin, 'buildah')), () => buildahContender(join(lab.bin, 'buildah'))],
    ['podman', existsSync(join(lab.bin, 'podman')), () => podmanContender(join(lab.bin, 'podman'))],
    [
      'skopeo',
      existsSync(join(lab.bin, 'podman')) && existsSync(join(lab.bin, 'skopeo')),
      () => skopeoContender(join(lab.bin, 'skopeo'), podmanContender(join(lab.bin, 'podman'))),
    ],
  ];
  return {
    contenders: all.filter(([, present]) => present).map(([, , make]) => make()),
    absent: all.filter(([, present]) => !present).map(([name]) => name),
  };
}

function buildArguments({ context, tag, cold }: BuildArguments): string[] {
  return ['build', '-q', ...(cold ? ['--no-cache'] : []), '-t', tag, context];
}

function dockerContender(
  name: string,
  program: string,
  daemonPidFile: string,
  env: Readonly<Record<string, string>>,
): Contender {
  const command = (...args: readonly string[]): Command => ({ args: [program, ...args], env });
  return {
    name,
    daemonPidFile,
    build: (request) => command(...buildArguments(request)),
    run: (image, network) =>
      name === 'docker'
        ? command('run', '--rm', ...(network === 'none' ? ['--network', 'none'] : []), image, 'true')
        : undefined,
    // Docker's own driver keeps no cache in folders, and buildah and podman keep it in registries.
    buildWithCache: () => undefined,
    ...(name === 'docker' && { images: imageCommands(command), containers: command }),
    base: () => undefined,
    forget(...tags) {
      for (const args of [
        ['rmi', '-f', ...tags],
        ['image', 'prune', '-f'],
        ['builder', 'prune', '-af'],
      ])
        run(command(...args), { mayFail: true });
    },
  };
}

function buildahContender(program: string): Contender {
  const command = (...args: readonly string[]): Command => ({ args: [program, ...args] });
  return {
    name: 'buildah',
    daemonPidFile: undefined,
    build: ({ context, tag, cold }) =>
      command('build', '-q', '--layers', ...(cold ? ['--no-cache'] : []), '-t', tag, context),
    buildWithCache: () => undefined,
    run: () => undefined,
    base: () => undefined,
    forget(...tags) {
      for (const args of [
        ['rmi', '-f', ...tags],
        ['rmi', '--prune', '-f'],
      ])
        run(command(...args), { mayFail: true });
    },
  };
}

function podmanContender(program: string): Contender {
  const command = (...args: readonly string[]): Command => ({ args: [program, ...args] });
  return {
    name: 'podman',
    daemonPidFile: undefined,
    build: ({ jobs, ...request }) => {
      const [first = '', ...rest] = buildArguments(request);
      return command(first, ...(jobs === undefined ? [] : ['--jobs', String(jobs)]), ...rest);
    },
    run: (image, network) =>
      command('run', '--rm', ...(network === 'none' ? ['--network', 'none'] : []), image, 'true'),
    buildWithCache: () => undefined,
    images: imageCommands(command, {
      remote: ['--tls-verify=false'],
      zstd: ['--compression-format', 'zstd', '--force-compression'],
    }),
    containers: command,
    base: () => undefined,
    forget(...tags) {
      for (const args of [
        ['rmi', '-f', ...tags],
        ['image', 'prune', '-f'],
      ])
        run(command(...args), { mayFail: true });
    },
  };
}

/** What differs between those that share docker's words. */
interface ImageWords {
  /** For a registry without TLS. */
  readonly remote?: readonly string[];
  /** For a push with zstd. */
  readonly zstd?: readonly string[];
}

function imageCommands(
  command: (...args: readonly string[]) => Command,
  { remote = [], zstd = [] }: ImageWords = {},
): ImageCommands {
  return {
    pull: (image) => command('pull', '-q', ...remote, image),
    pullAll: (repository) => command('pull', '-q', '-a', ...remote, repository),
    push: (image) => command('push', '-q', ...remote, image),
    pushAll: (repository) => command('push', '-q', '-a', ...remote, repository),
    pushZstd: (image) => command('push', '-q', ...remote, ...zstd, image),
    tag: (image, other) => command('tag', image, other),
    save: (image, file) => command('save', '-o', file, image),
    load: (file) => command('load', '-q', '-i', file),
  };
}

/** It has no images of its own: those of podman, which brings them to where a run begins. */
function skopeoContender(program: string, podman: Contender): Contender {
  const copy = (...args: readonly string[]): Command => ({
    args: [program, '--insecure-policy', 'copy', '-q', ...args],
  });
  const stored = (image: string): string => `containers-storage:${image}`;
  const push = (image: string, ...how: readonly string[]): Command =>
    copy('--dest-tls-verify=false', ...how, stored(image), `docker://${image}`);
  const none = (): undefined => undefined;
  const { containers: _containers, ...others } = podman;
  return {
    ...others,
    name: 'skopeo',
    buildWithCache: none,
    build: none,
    run: none,
    base: none,
    ...(podman.images && {
      images: {
        ...podman.images,
        pull: (image) => copy('--src-tls-verify=false', `docker://${image}`, stored(image)),
        pullAll: none,
        pushAll: none,
        push: (image) => push(image),
        pushZstd: (image) => push(image, '--dest-compress-format', 'zstd'),
        save: (image, file) => copy(stored(image), `docker-archive:${file}:${image}`),
        load: (file, image) => copy(`docker-archive:${file}`, stored(image)),
      },
    }),
  };
}
