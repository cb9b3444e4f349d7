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
    return [pullRow(stage), ...pushRows(stage), ...archiveRows(stage)];
  },
};

interface Stage {
  readonly registry: BenchRegistry;
  /** The image in an archive, and its layers as they travel, in a folder. */
  readonly archive: string;
  readonly layers: string;
  readonly out: string;
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
  run(own.load(from.big));
  const context = writeContext(bench.contexts, 'transfers', { Dockerfile: DOCKERFILE });
  run(shale.build({ context, tag: IMAGE, cold: false }));
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
      for (const name of [pullName(registry), ownName(registry, contender), IMAGE]) contender.forget(name);
    },
    command: ({ images }) => images?.pull(pullName(registry)),
  };
}

function pushRows({ registry, archive }: Stage): Row[] {
  const bring = (contender: Contender): void => {
    if (contender.images === undefined) return;
    for (const name of [pullName(registry), ownName(registry, contender), IMAGE]) contender.forget(name);
    run(contender.images.load(archive));
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
        if (contender !== 'limit') for (const name of [ownName(registry, contender), IMAGE]) contender.forget(name);
      },
      command: ({ images }) => images?.load(archive),
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
