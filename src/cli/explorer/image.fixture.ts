import { compareBytes, type ByteString } from '../../base/index.ts';
import type {
  EntryDifference,
  EntryState,
  Exploration,
  ExplorationComparison,
  ExplorationReport,
  ExploredStep,
  FileSum,
  TreeEntry,
  TreeScope,
} from '../../explore/index.ts';

/** A file by its size, a whiteout, or what is told of it. */
export type MadeEntry =
  | number
  | null
  | Partial<Pick<TreeEntry, 'kind' | 'sizeBytes' | 'mode' | 'uid' | 'gid' | 'linkTarget' | 'package' | 'capabilities'>>;

export interface MadeLayer {
  readonly instruction: string;
  readonly isBase?: boolean;
  readonly entries: Readonly<Record<ByteString, MadeEntry>>;
}

type Node = Pick<
  TreeEntry,
  'kind' | 'sizeBytes' | 'mode' | 'uid' | 'gid' | 'layer' | 'linkTarget' | 'package' | 'capabilities'
>;
type Tree = ReadonlyMap<ByteString, Node>;

const FOLDER = { kind: 'directory', sizeBytes: 0, mode: 0o755, uid: 0, gid: 0 } as const;
const PLAIN = { linkTarget: undefined, package: undefined, capabilities: undefined } as const;

/** An image for tests, made of plain tables; asked as a real one is. Its contents are not there. */
export function madeImage(
  layers: readonly MadeLayer[],
  report: Partial<ExplorationReport> = {},
): Pick<Exploration, 'report' | 'list' | 'find' | 'walk' | 'search' | 'resolve'> {
  const trees: Tree[] = [];
  for (const [number, layer] of layers.entries()) trees.push(applied(trees.at(-1) ?? new Map(), layer, number));
  const scopes = new Map<string, ReadonlyMap<ByteString, readonly TreeEntry[]>>();
  const inScope = (scope: TreeScope): ReadonlyMap<ByteString, readonly TreeEntry[]> => {
    const key = `${scope.from} ${scope.to}`;
    const known = scopes.get(key) ?? childrenOf(trees[scope.from - 1] ?? new Map(), trees[scope.to] ?? new Map());
    scopes.set(key, known);
    return known;
  };
  const list = (scope: TreeScope, path: ByteString): readonly TreeEntry[] => inScope(scope).get(path) ?? [];
  function* walk(
    scope: TreeScope,
    path: ByteString,
    enter: (entry: TreeEntry) => boolean = () => true,
  ): Generator<TreeEntry> {
    for (const entry of list(scope, path)) {
      yield entry;
      if (entry.kind === 'directory' && enter(entry)) yield* walk(scope, entry.path, enter);
    }
  }
  const find = (scope: TreeScope, path: ByteString): TreeEntry | undefined =>
    list(scope, parentOf(path)).find((entry) => entry.path === path);
  return {
    report: reportOf(layers, list, report),
    list,
    walk,
    find,
    search: ({ scope, text, states, max = 1000 }) => {
      const found: TreeEntry[] = [];
      for (const entry of walk(scope, '')) {
        if (found.length === max) break;
        const isHit =
          typeof text === 'string' ? entry.path.toLowerCase().includes(text.toLowerCase()) : text.test(entry.path);
        if (isHit && states?.includes(entry.state) !== false) found.push(entry);
      }
      return found;
    },
    resolve: ({ path, layer }) => {
      const target = trees[layer]?.get(path)?.linkTarget;
      const resolved =
        target === undefined ? path : target.startsWith('/') ? target.slice(1) : joined(parentOf(path), target);
      return trees[layer]?.has(resolved) === true ? resolved : undefined;
    },
  };
}

const joined = (folder: ByteString, name: ByteString): ByteString => (folder === '' ? name : `${folder}/${name}`);
const parentOf = (path: ByteString): ByteString => path.slice(0, Math.max(0, path.lastIndexOf('/')));

function applied(below: Tree, { entries }: MadeLayer, layer: number): Tree {
  const tree = new Map(below);
  for (const [path, entry] of Object.entries(entries)) {
    if (entry === null) {
      for (const other of tree.keys()) if (other === path || other.startsWith(`${path}/`)) tree.delete(other);
      continue;
    }
    for (let folder = parentOf(path); folder !== '' && !tree.has(folder); folder = parentOf(folder)) {
      tree.set(folder, { ...FOLDER, ...PLAIN, layer });
    }
    const facts = typeof entry === 'number' ? { sizeBytes: entry } : entry;
    tree.set(path, { kind: 'file', sizeBytes: 0, mode: 0o644, uid: 0, gid: 0, ...PLAIN, ...facts, layer });
  }
  return tree;
}

/** Entries of both trees by the directory that they are in, by name, with sums of what is below. */
function childrenOf(before: Tree, after: Tree): ReadonlyMap<ByteString, readonly TreeEntry[]> {
  const children = new Map<ByteString, TreeEntry[]>();
  const sums = new Map<ByteString, { sizeBytes: number; files: number; newBytes: number; isChanged: boolean }>();
  const paths = [...new Set([...before.keys(), ...after.keys()])].toSorted(compareBytes).toReversed();
  // From the leaves: what is below a directory is known when it is met.
  for (const path of paths) {
    const [old, now] = [before.get(path), after.get(path)];
    const node = now ?? old;
    if (node === undefined) continue;
    const below = sums.get(path);
    const differs = old !== undefined && now !== undefined && now.layer !== old.layer ? differencesOf(old, now) : [];
    const state: EntryState =
      now === undefined
        ? 'removed'
        : old === undefined
          ? 'added'
          : differs.length > 0 || below?.isChanged === true
            ? 'modified'
            : 'unmodified';
    const isNew = state === 'added' || state === 'modified';
    const newBytes = node.kind === 'directory' ? (below?.newBytes ?? 0) : isNew ? node.sizeBytes : 0;
    const entry: TreeEntry = {
      ...node,
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      state,
      differs,
      sizeBytes: below?.sizeBytes ?? node.sizeBytes,
      files: node.kind === 'directory' ? (below?.files ?? 0) : 1,
      newBytes,
      mtimeMs: 0,
      linkCount: 1,
      device: undefined,
      xattrs: [],
    };
    const parent = parentOf(path);
    children.set(parent, [entry, ...(children.get(parent) ?? [])]);
    const sum = sums.get(parent) ?? { sizeBytes: 0, files: 0, newBytes: 0, isChanged: false };
    const counts = state !== 'removed' || !after.has(parent);
    sums.set(parent, {
      sizeBytes: sum.sizeBytes + (counts ? entry.sizeBytes : 0),
      files: sum.files + (counts ? entry.files : 0),
      newBytes: sum.newBytes + newBytes,
      isChanged: sum.isChanged || state !== 'unmodified',
    });
  }
  return children;
}

function differencesOf(before: Node, after: Node): EntryDifference[] {
  return [
    ...(before.kind === after.kind ? [] : ['kind' as const]),
    ...(before.sizeBytes === after.sizeBytes ? [] : ['content' as const]),
    ...(before.mode === after.mode ? [] : ['mode' as const]),
    ...(before.uid === after.uid && before.gid === after.gid ? [] : ['owner' as const]),
  ];
}

const NOTHING: FileSum = { files: 0, bytes: 0 };

function reportOf(
  layers: readonly MadeLayer[],
  list: (scope: TreeScope, path: ByteString) => readonly TreeEntry[],
  given: Partial<ExplorationReport>,
): ExplorationReport {
  const bytes = layers.map(({ entries }) =>
    Object.values(entries).reduce<number>(
      (sum, one) => sum + (typeof one === 'number' ? one : (one?.sizeBytes ?? 0)),
      0,
    ),
  );
  const total = bytes.reduce((sum, one) => sum + one, 0);
  const top = layers.length - 1;
  const visible = list({ from: top, to: top }, '').reduce(
    (sum, one) => sum + (one.state === 'removed' ? 0 : one.sizeBytes),
    0,
  );
  return {
    image: {
      name: 'web:latest',
      id: `sha256:${'1'.repeat(64)}`,
      digest: undefined,
      source: 'store',
      platform: 'linux/amd64',
      created: undefined,
      tags: ['web:latest'],
      tarBytes: total,
      compressedBytes: undefined,
      distribution: 'Debian GNU/Linux 12 (bookworm)',
      bases: [
        {
          name: 'debian:12',
          digest: undefined,
          layers: layers.filter((one) => one.isBase === true).length,
          knownBy: 'build',
        },
      ],
      config: { User: 'web', Env: ['PATH=/usr/bin', 'X=\u001B[2J'] },
    },
    instructions: layers.map(({ instruction, isBase = false }, number) => ({
      number,
      keyword: instruction.split(' ')[0] ?? '',
      text: instruction,
      createdBy: instruction,
      comment: '',
      created: undefined,
      layer: number,
      step: undefined,
      line: isBase ? undefined : { file: '/src/Dockerfile', first: number + 1, last: number + 1 },
      base: isBase ? 0 : undefined,
    })),
    layers: layers.map(({ isBase = false }, number) => ({
      number,
      diffId: `sha256:${String(number).repeat(64).slice(0, 64)}`,
      digest: undefined,
      mediaType: undefined,
      compressedBytes: undefined,
      tarBytes: bytes[number] ?? 0,
      instruction: number,
      base: isBase ? 0 : undefined,
      content: { files: 1, bytes: bytes[number] ?? 0, directories: 0 },
      added: { files: 1, bytes: bytes[number] ?? 0 },
      changed: NOTHING,
      metadataOnly: NOTHING,
      rewritten: NOTHING,
      removed: NOTHING,
      hiddenLater: NOTHING,
      packages: [],
    })),
    totals: {
      visible: { files: 1, bytes: visible, directories: 0 },
      stored: { files: 1, bytes: total },
      own: NOTHING,
    },
    waste: { causes: [], entries: [], moreEntries: 0 },
    scores: {
      shale: {
        efficiency: total === 0 ? 1 : visible / total,
        totalBytes: total,
        lostBytes: total - visible,
        avoidableBytes: 0,
        optionalBytes: 0,
      },
      dive: { efficiency: 1, totalBytes: total, userBytes: 0, wastedBytes: 0, wastedUserShare: 0, inefficient: [] },
    },
    duplicates: [],
    packages: { counts: {}, packages: [], unowned: NOTHING },
    privileged: [],
    build: undefined,
    problems: [],
    ...given,
  };
}

/** An image of four layers that has something of everything. */
export const WEB: readonly MadeLayer[] = [
  {
    instruction: 'FROM debian:12',
    isBase: true,
    entries: {
      bin: { kind: 'symlink', linkTarget: 'usr/bin', mode: 0o777 },
      'etc/passwd': 900,
      'etc/motd': 300,
      'usr/bin/bash': { sizeBytes: 1_265_648, mode: 0o755, package: 'bash 5.2' },
      'usr/bin/su': { sizeBytes: 72_000, mode: 0o4755, package: 'util-linux 2.38' },
      'usr/share/doc/bash/README': 4000,
      'var/lib/apt/lists/big': 18_000_000,
    },
  },
  {
    instruction: 'RUN apt-get update && apt-get install -y curl # with a text that is much longer than the line',
    entries: {
      'usr/bin/curl': { sizeBytes: 260_000, mode: 0o755, package: 'curl 7.88' },
      'usr/bin/su': { sizeBytes: 72_000, mode: 0o755 },
      'etc/passwd': 950,
      'var/lib/apt/lists/big': null,
    },
  },
  {
    instruction: 'COPY site /srv',
    entries: {
      'srv/index.html': 1200,
      'srv/img/logo.png': { sizeBytes: 80_000, uid: 1000, gid: 1000 },
      'srv/img/\u001B[2Jx\n': 5,
      'srv/\u00E6\u0097\u00A5\u00E6\u009C\u00AC.txt': 42,
      'srv/nowhere': { kind: 'symlink', linkTarget: '/missing', mode: 0o777 },
    },
  },
  { instruction: 'RUN rm -r /srv/img', entries: { 'srv/img': null, 'etc/motd': { sizeBytes: 300, mode: 0o600 } } },
];

/** Waste as the image above has it. */
export const WEB_WASTE: ExplorationReport['waste'] = {
  causes: [
    {
      cause: 'deleted',
      weight: 'lost',
      meaning: 'a later layer deletes them',
      files: 3,
      bytes: 18_080_005,
      rules: [{ id: 'apt-lists', title: 'x' }],
    },
    { cause: 'metadata', weight: 'lost', meaning: 'copied for another mode', files: 2, bytes: 72_300, rules: [] },
    { cause: 'documentation', weight: 'optional', meaning: 'documentation', files: 1, bytes: 4000, rules: [] },
  ],
  entries: [
    {
      path: 'var/lib/apt/lists/big',
      isFolder: false,
      cause: 'deleted',
      weight: 'lost',
      files: 1,
      bytes: 18_000_000,
      layer: 0,
      by: 1,
      rule: { id: 'apt-lists', title: 'x' },
    },
    {
      path: 'srv/img',
      isFolder: true,
      cause: 'deleted',
      weight: 'lost',
      files: 2,
      bytes: 80_005,
      layer: 2,
      by: 3,
      rule: undefined,
    },
    {
      path: 'usr/bin/su',
      isFolder: false,
      cause: 'metadata',
      weight: 'lost',
      files: 1,
      bytes: 72_000,
      layer: 0,
      by: 1,
      rule: undefined,
    },
    {
      path: 'usr/share/doc',
      isFolder: true,
      cause: 'documentation',
      weight: 'optional',
      files: 1,
      bytes: 4000,
      layer: 0,
      by: undefined,
      rule: undefined,
    },
  ],
  moreEntries: 0,
};

function madeStep(facts: Partial<ExploredStep> & Pick<ExploredStep, 'number' | 'name' | 'outcome'>): ExploredStep {
  return {
    stage: 'web',
    reason: '',
    changes: [],
    startedMs: undefined,
    endedMs: undefined,
    seconds: 0,
    needs: [],
    isCritical: false,
    layer: undefined,
    line: undefined,
    ...facts,
  };
}

/** What its inventory tells. */
export const WEB_INVENTORY: Pick<ExplorationReport, 'packages' | 'privileged' | 'duplicates' | 'build'> = {
  build: {
    id: 'b0123456789',
    startedMs: 0,
    endedMs: 5000,
    seconds: 5,
    criticalSeconds: 4.5,
    dockerfile: '/src/Dockerfile',
    isDockerfileSame: true,
    context: '/src',
    target: undefined,
    steps: [
      madeStep({ number: 1, name: 'FROM debian:12', outcome: 'base', layer: 0 }),
      madeStep({
        number: 2,
        name: 'RUN apt-get update',
        outcome: 'ran',
        seconds: 4.5,
        isCritical: true,
        layer: 1,
        reason: 'its text changed',
      }),
      madeStep({ number: 3, name: 'RUN make', outcome: 'failed', stage: 'other', seconds: 0.5 }),
    ],
  },
  packages: {
    counts: { deb: 2 },
    packages: [
      {
        type: 'deb',
        name: 'bash',
        version: '5.2',
        architecture: 'amd64',
        purl: 'pkg:deb/debian/bash',
        layer: 0,
        files: 2,
        bytes: 1_269_648,
      },
      {
        type: 'deb',
        name: 'curl',
        version: '7.88',
        architecture: 'amd64',
        purl: 'pkg:deb/debian/curl',
        layer: 1,
        files: 1,
        bytes: 260_000,
      },
    ],
    unowned: NOTHING,
  },
  privileged: [
    {
      path: 'usr/bin/ping',
      layer: 0,
      mode: 0o755,
      uid: 0,
      gid: 0,
      capabilities: 'cap_net_raw=ep',
      package: 'iputils-ping 3',
    },
    { path: 'usr/bin/su', layer: 0, mode: 0o4755, uid: 0, gid: 0, capabilities: undefined, package: undefined },
  ],
  duplicates: [
    {
      sha256: 'ab'.repeat(32),
      fileBytes: 1000,
      wastedBytes: 2000,
      count: 3,
      places: [{ path: 'etc/motd', layer: 0 }],
    },
  ],
};

/** Two images side by side. */
export const WEB_COMPARISON: ExplorationComparison = {
  before: {
    name: 'web:1',
    id: `sha256:${'0'.repeat(64)}`,
    layers: 3,
    tarBytes: 20_000_000,
    visibleBytes: 19_000_000,
    efficiency: 0.7,
  },
  after: {
    name: 'web:2',
    id: `sha256:${'1'.repeat(64)}`,
    layers: 4,
    tarBytes: 20_100_000,
    visibleBytes: 1_600_000,
    efficiency: 0.08,
  },
  sharedLayers: 2,
  files: [
    { path: 'srv/index.html', kind: 'file', state: 'added', differs: [], beforeBytes: 0, afterBytes: 1200 },
    { path: 'etc/motd', kind: 'file', state: 'modified', differs: ['mode'], beforeBytes: 300, afterBytes: 300 },
    { path: 'usr/bin/wget', kind: 'file', state: 'removed', differs: [], beforeBytes: 400_000, afterBytes: 0 },
  ],
  moreFiles: 0,
  totals: {
    added: { files: 1, bytes: 1200 },
    removed: { files: 1, bytes: 400_000 },
    changed: { files: 1, bytes: 300 },
    growth: -398_800,
  },
  packages: [
    { type: 'deb', name: 'curl', before: { version: '7.87', bytes: 100 }, after: { version: '7.88', bytes: 260_000 } },
    { type: 'deb', name: 'wget', before: { version: '1.21', bytes: 400_000 }, after: undefined },
  ],
  config: [{ field: 'User', before: 'root', after: 'web' }],
  privileged: {
    added: [],
    removed: [
      { path: 'usr/bin/su', layer: 0, mode: 0o4755, uid: 0, gid: 0, capabilities: undefined, package: undefined },
    ],
  },
};
