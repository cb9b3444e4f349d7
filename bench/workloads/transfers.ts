import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeContext } from '../contexts.ts';
import { run } from '../measure.ts';
import { startBenchRegistry, type BenchRegistry } from '../registry.ts';
import { limitProgram, type Bench, type Contender, type ImageCommands, type Row, type Workload } from '../types.ts';

/** Layers of real packages that no contender has: their tars are made by shale. */
const DOCKERFILE = `FROM scratch
${['/usr/lib', '/usr/share', '/usr/bin', '/var', '/etc'].map((path) => `COPY --from=lab/big ${path} ${path}`).join('\n')}
CMD ["/usr/bin/true"]
`;
const IMAGE = 'bench/transfers:1';
/** As many as docker takes, less those that it may add. */
const MANY_LAYERS = 120;
const MANY_TAGS = 200;
const COMMON = { warmups: 0, rounds: 3 } as const;

/** Images that travel: about 500 MB of Debian packages in five layers, on loopback. Needs the lab's images. */
export const transfers: Workload = {
  name: 'transfers',
  rows(bench) {
    const shale = bench.contenders.find(({ name }) => name === 'shale');
    const big = join(bench.images, 'big.docker.tar');
    const registry = existsSync(big) ? startBenchRegistry(join(bench.scratch, 'registry')) : undefined;
    if (shale?.images === undefined || registry === undefined) {
      console.error('bench: transfers is left out: the images of the lab or docker-registry are not there');
      return [];
    }
    const stage = prepareStage(bench, { shale, own: shale.images, registry, big });
    return [pullRow(stage), ...pushRows(stage), ...archiveRows(stage), ...manyRows(bench, stage)];
  },
};

interface Stage {
  readonly registry: BenchRegistry;
  /** The image in an archive, and its layers as they travel, in a folder. */
  readonly archive: string;
  readonly layers: string;
  readonly out: string;
  /** shale, which brings images to where they are measured. */
  readonly own: ImageCommands;
  /** Puts the image into the registry, and nothing else. */
  fill(): void;
}

function prepareStage(
  bench: Bench,
  from: {
    readonly shale: Contender;
    readonly own: ImageCommands;
    readonly registry: BenchRegistry;
    readonly big: string;
  },
): Stage {
  const { shale, own, registry } = from;
  run(own.load(from.big, 'lab/big'));
  const context = writeContext(bench.contexts, 'transfers', { Dockerfile: DOCKERFILE });
  const build = shale.build({ context, tag: IMAGE, cold: false });
  if (build !== undefined) run(build);
  const archive = join(bench.scratch, 'transfers.tar');
  run(own.save(IMAGE, archive));
  const name = pullName(registry);
  run(own.tag(IMAGE, name));
  run(own.push(name));
  const layout = join(bench.scratch, 'layout');
  run({
    ...own.push(name),
    args: [...own.push(name).args.slice(0, 1), 'copy', '-q', `docker://${name}`, `oci:${layout}:x`],
  });
  const back = {
    ...own.push(name),
    args: [...own.push(name).args.slice(0, 1), 'copy', '-q', `oci:${layout}:x`, `docker://${name}`],
  };
  return {
    registry,
    own,
    archive,
    layers: layersOf(layout, join(bench.scratch, 'layers')),
    out: join(bench.scratch, 'out.tar'),
    fill() {
      registry.wipe();
      run(back);
    },
  };
}

function pullName({ host }: BenchRegistry): string {
  return `${host}/bench/transfers:pull`;
}

function ownName({ host }: BenchRegistry, { name }: Contender): string {
  return `${host}/bench/transfers:${name}`;
}

function pullRow({ registry, layers, ...stage }: Stage): Row {
  return {
    ...COMMON,
    name: 'pull',
    title: 'pull of 500 MB in five layers',
    goal: '≤ 1.2 × limit',
    limit: limitProgram('unpack-blobs', layers),
    limitTitle: 'gunzip + sha256 of the same streams',
    prepare(contender) {
      if (contender === 'limit') return;
      stage.fill();
      contender.forget(pullName(registry), ownName(registry, contender), IMAGE);
    },
    command: ({ images }) => images?.pull(pullName(registry)),
  };
}

function pushRows({ registry, archive }: Stage): Row[] {
  const bring = (contender: Contender): void => {
    if (contender.images === undefined) return;
    contender.forget(pullName(registry), ownName(registry, contender), IMAGE);
    run(contender.images.load(archive, IMAGE));
    run(contender.images.tag(IMAGE, ownName(registry, contender)));
  };
  return [
    {
      ...COMMON,
      name: 'push',
      title: 'push of the same, gzip, to an empty registry',
      goal: '3 × as fast as docker',
      prepare(contender) {
        if (contender === 'limit') return;
        registry.wipe();
        bring(contender);
      },
      command: (contender) => contender.images?.push(ownName(registry, contender)),
    },
    {
      ...COMMON,
      name: 'push-zstd',
      title: 'same with zstd; docker with gzip',
      goal: '3 × as fast as docker',
      prepare(contender) {
        if (contender === 'limit') return;
        registry.wipe();
        bring(contender);
      },
      command: (contender) => contender.images?.pushZstd(ownName(registry, contender)),
    },
    {
      ...COMMON,
      name: 'push-again',
      title: 'push of it again, nothing changed',
      goal: '≤ 0.3 s',
      prepare(contender) {
        if (contender !== 'limit' && contender.images !== undefined)
          run(contender.images.push(ownName(registry, contender)));
      },
      command: (contender) => contender.images?.push(ownName(registry, contender)),
    },
  ];
}

function archiveRows({ registry, archive, out }: Stage): Row[] {
  return [
    {
      ...COMMON,
      name: 'save',
      title: 'save of the same',
      goal: '≤ 1 s',
      prepare: () => rmSync(out, { force: true }),
      command: ({ images }) => images?.save(IMAGE, out),
    },
    {
      ...COMMON,
      name: 'load',
      title: 'load of the same',
      goal: '≤ 1 s',
      prepare(contender) {
        if (contender !== 'limit') contender.forget(ownName(registry, contender), IMAGE);
      },
      command: ({ images }) => images?.load(archive, IMAGE),
    },
  ];
}

/** Images of which there is much, but little of each. */
function manyRows(bench: Bench, { registry, own }: Stage): Row[] {
  const shale = bench.contenders.find(({ name }) => name === 'shale');
  // Of this run alone: a store may have those of an earlier one, which another registry's names led to.
  const madeAt = Date.now();
  const layers = Array.from({ length: MANY_LAYERS }, (_, i) => `COPY <<EOF /f${i}\n${madeAt} ${i}\nEOF\n`).join('');
  const context = writeContext(bench.contexts, 'layers', { Dockerfile: `FROM scratch\n${layers}CMD ["/f"]\n` });
  const layered = `${registry.host}/bench/layers:1`;
  const tagged = `${registry.host}/bench/tagged`;
  const tags = Array.from({ length: MANY_TAGS }, (_, i) => `${tagged}:${i}`);
  let isMade = false;
  const make = (): void => {
    const build = isMade ? undefined : shale?.build({ context, tag: layered, cold: false });
    if (build === undefined) return;
    isMade = true;
    registry.wipe();
    run(build);
    run(own.push(layered));
    for (const tag of tags) run(own.tag(layered, tag));
    const push = own.pushAll(tagged);
    if (push !== undefined) run(push);
  };
  const prepare =
    (...names: readonly string[]) =>
    (contender: Contender | 'limit'): void => {
      if (contender === 'limit') return;
      make();
      contender.forget(...names);
    };
  return [
    {
      ...COMMON,
      name: 'layers120',
      title: `pull of ${MANY_LAYERS} small layers`,
      goal: 'as fast as docker',
      prepare: prepare(layered, ...tags),
      command: ({ images }) => images?.pull(layered),
    },
    {
      ...COMMON,
      name: 'tags200',
      title: `pull of ${MANY_TAGS} tags of one image`,
      goal: 'as fast as docker',
      prepare: prepare(layered, ...tags),
      command: ({ images }) => images?.pullAll(tagged),
    },
  ];
}

/** The compressed layers of the one image of a layout, in a folder of their own. */
function layersOf(layout: string, folder: string): string {
  const read = (path: string): unknown => JSON.parse(readFileSync(join(layout, path), 'utf8'));
  const blob = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  const { manifests } = read('index.json') as { manifests: [{ digest: string }] };
  const { layers } = read(blob(manifests[0].digest)) as { layers: { digest: string }[] };
  mkdirSync(folder, { recursive: true });
  for (const [i, { digest }] of layers.entries()) copyFileSync(join(layout, blob(digest)), join(folder, String(i)));
  return folder;
}
