import { type ByteString, toText } from '../../base/index.ts';
import { compareSymbolVersions } from '../../elf/index.ts';
import type { ViewNode } from '../../erofs/index.ts';
import { encodeLayer, getImage, readConfig } from '../../images/index.ts';
import type { Stack } from '../../layers/index.ts';
import { formatPlatform, type ImageConfig } from '../../oci/index.ts';
import { type Package, readInventory } from '../../packages/index.ts';
import type { EngineContext } from '../context.ts';
import type { BaseFacts, Libc, ProgramFacts } from './compare-types.ts';
import { ImagePrograms } from './programs.ts';
import { readSmallFile } from './small-file.ts';
import { supportOf } from './support-ends.ts';

/** An image that was opened to look at it. */
export interface OpenImage {
  readonly name: string;
  readonly id: string;
  readonly config: ImageConfig;
  readonly stack: Stack;
}

/** @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, and what fetching a layer throws */
export async function openImage({ store, layers }: EngineContext, name: string): Promise<OpenImage> {
  const { record } = await getImage(store, name);
  const config = await readConfig(store, record.id);
  return { name, id: record.id, config, stack: await layers.stack(config.diffIds) };
}

/** What an image is like, from its layers alone. */
export async function baseFacts(context: EngineContext, image: OpenImage, signal: AbortSignal): Promise<BaseFacts> {
  const { name, id, config, stack } = image;
  const inventory = readInventory(stack);
  const { distribution } = inventory;
  const programs = new ImagePrograms(stack);
  const packages: Record<string, number> = {};
  for (const { type } of inventory.packages) packages[type] = (packages[type] ?? 0) + 1;
  const libc = libcOf(programs, inventory.packages);
  const manager = packageManagerOf(programs);
  const prettyName = distribution?.prettyName ?? distribution?.id;
  return {
    name,
    id,
    platform: formatPlatform(config),
    sizeBytes: sizeOf(stack),
    compressedBytes: await compressedSizeOf(context, config, signal),
    ...(prettyName !== undefined && { distribution: prettyName }),
    support: supportOf(distribution, new Date(context.options.now())),
    ...(manager !== undefined && { packageManager: manager }),
    packages,
    libc,
    behaviour: behaviourOf(libc),
    hasShell: programs.at('bin/sh') !== undefined,
    programs: programFacts(programs),
    setuid: setuidFiles(stack),
    users: usersOf(stack),
  };
}

export function sizeOf(stack: Stack): number {
  return stack.layers.reduce((sum, { tarSizeBytes }) => sum + tarSizeBytes, 0);
}

export async function compressedSizeOf(
  { layers }: EngineContext,
  config: ImageConfig,
  signal: AbortSignal,
): Promise<number> {
  let sum = 0;
  for (const diffId of config.diffIds)
    sum += (await encodeLayer(layers, diffId, { compression: 'gzip', reuse: 'any' }, signal)).descriptor.size;
  return sum;
}

const GLIBC_LOADERS = /^(?:usr\/)?lib(?:32|64|x32)?\/(?:ld-linux[^/]*|ld64|ld)\.so\.\d+$/;
const MUSL_LOADER = /^(?:usr\/)?lib\/ld-musl-[^/]+\.so\.1$/;
const LOADER_FOLDERS = ['lib', 'lib64', 'usr/lib', 'usr/lib64'];

function libcOf(programs: ImagePrograms, packages: readonly Package[]): Libc {
  for (const folder of LOADER_FOLDERS) {
    for (const name of programs.names(folder)) {
      const path = `${folder}/${name}`;
      if (MUSL_LOADER.test(path)) {
        // The library does not say; its package does.
        const version = packages.find((each) => each.name === 'musl')?.version.replace(/-r\d+$/, '');
        return { kind: 'musl', loader: `/${toText(path)}`, ...(version !== undefined && { version }) };
      }
      if (!GLIBC_LOADERS.test(path)) continue;
      const loader = programs.at(path);
      const library = loader === undefined ? undefined : programs.library('libc.so.6', loader);
      const newest = library?.elf.defines.findLast((version) => /^GLIBC_\d/.test(version));
      return {
        kind: 'glibc',
        loader: `/${toText(path)}`,
        ...(newest !== undefined && { version: newest.slice('GLIBC_'.length) }),
      };
    }
  }
  return { kind: 'none' };
}

const BEHAVIOUR: Readonly<Record<Libc['kind'], readonly string[]>> = {
  glibc: [
    'names are looked up as /etc/nsswitch.conf says, one name server after the other; search domains are tried in turn',
    'locales and character sets of packages (locales, gconv) are used',
    'wheels and addons that were built for manylinux or glibc load, up to its version',
  ],
  musl: [
    'all name servers are asked at once and the first answer counts; a name with a dot is not tried in search domains after it failed',
    'there is no nsswitch.conf; C.UTF-8 is the only locale with effect; few character sets are converted',
    'wheels and addons that were built for glibc do not load; musllinux ones do',
    'threads have stacks of 128 KB unless they ask for more: deep recursion ends sooner',
  ],
  none: ['only static programs run', 'whether names can be looked up is up to each program'],
};

/** The first musl that asks by TCP for answers that do not fit into one UDP packet. */
const MUSL_WITH_TCP = '1.2.4';

function behaviourOf(libc: Libc): readonly string[] {
  const isOld =
    libc.kind === 'musl' && libc.version !== undefined && compareSymbolVersions(libc.version, MUSL_WITH_TCP) < 0;
  return isOld
    ? [
        ...BEHAVIOUR.musl,
        `before musl ${MUSL_WITH_TCP}, answers of name servers that do not fit into one packet are cut`,
      ]
    : BEHAVIOUR[libc.kind];
}

const MANAGERS: readonly (readonly [path: ByteString, name: string])[] = [
  ['usr/bin/apt-get', 'apt'],
  ['sbin/apk', 'apk'],
  ['usr/bin/apk', 'apk'],
  ['usr/bin/dnf', 'dnf'],
  ['usr/bin/microdnf', 'microdnf'],
  ['usr/bin/zypper', 'zypper'],
  ['usr/bin/pacman', 'pacman'],
];

function packageManagerOf(programs: ImagePrograms): string | undefined {
  return MANAGERS.find(([path]) => programs.at(path) !== undefined)?.[1];
}

/** Extension modules of Python (PEP 3149) and addons of Node. */
const ADDON = /\.node$|\/(?:site|dist)-packages\/.*\.so$|\/lib-dynload\/.*\.so$/;

export function programFacts(programs: ImagePrograms): ProgramFacts {
  let [dynamic, fixed] = [0, 0];
  let highestGlibc: string | undefined;
  const addons: string[] = [];
  const problems: ProgramFacts['problems'][number][] = [];
  for (const found of programs.all()) {
    const { kind, interpreter, versions } = found.elf;
    if (kind === 'program' && interpreter === undefined) fixed++;
    else if (kind === 'program') dynamic++;
    const isAddon = ADDON.test(found.path);
    if (isAddon) addons.push(toText(found.path));
    for (const version of [...versions.values()].flat())
      if (/^GLIBC_\d/.test(version) && (highestGlibc === undefined || compareSymbolVersions(version, highestGlibc) > 0))
        highestGlibc = version;
    // A library alone may be for others that bring what it needs; who runs it is told of.
    if (kind === 'program' || isAddon) problems.push(...programs.problemsOf(found));
  }
  return { dynamic, static: fixed, ...(highestGlibc !== undefined && { highestGlibc }), addons, problems };
}

function setuidFiles(stack: Stack): string[] {
  const found: string[] = [];
  const walk = (node: ViewNode, path: ByteString): void => {
    for (const [name, child] of node.children()) {
      const below = `${path}/${name}`;
      if (child.kind === 'directory') walk(child, below);
      else if (child.kind === 'file' && (child.mode & 0o6000) !== 0) found.push(toText(below));
    }
  };
  walk(stack.view.root, '');
  return found;
}

/** Names in /etc/passwd. */
function usersOf(stack: Stack): string[] {
  const text = readSmallFile(stack, 'etc/passwd') ?? '';
  return text
    .split('\n')
    .map((line) => toText(line.split(':', 1)[0] ?? ''))
    .filter((name) => name !== '' && !name.startsWith('#'));
}
