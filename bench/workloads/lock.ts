import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAR, startFarMirror } from '../far-mirror.ts';
import { run } from '../measure.ts';
import type { Contender, Row, Workload } from '../types.ts';
import { mirror } from './base.ts';

const REST = 'RUN apt-get update && apt-get install -y nginx\nCOPY . /usr/share/nginx/html\n';

/** What a lock costs, and what it gives: the nginx example with packages from a mirror, beside the ordinary build of it. */
export const lock: Workload = {
  name: 'lock',
  rows({ contexts, contenders }) {
    const shale = contenders.find((one) => 'lock' in one);
    if (shale === undefined) return [];
    const near: Place = { name: 'lock', title: 'apt-get install nginx', mirror: () => mirror };
    const megabytes = FAR.bytesPerSecond / 1e6;
    const far: Place = {
      name: 'lock-far',
      title: `the same, mirror ${FAR.delayMs} ms and ${megabytes} MB/s away (a server of the benchmark)`,
      mirror: () => startFarMirror(mirror),
    };
    return [near, far].flatMap((place) => rowsAt(place, shale, contexts));
  },
};

interface Place {
  readonly name: string;
  readonly title: string;
  /** Where packages come from; undefined where there is no such place on this machine. */
  readonly mirror: () => string | undefined;
}

function rowsAt({ name, title, mirror: from }: Place, shale: Contender, contexts: string): Row[] {
  const context = join(contexts, name);
  const ordinary = shale.lock?.(context, 'neither');
  if (ordinary === undefined) return [];
  let isReady = false;
  /** The base image is made, and the lock file written, once in a run: the store is new in each, and contexts stay. */
  const makeReady = (): void => {
    if (isReady) return;
    isReady = true;
    const base = `bench/${name}-base`;
    const url = from();
    if (url === undefined) throw new Error('containers reach no address of this machine');
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\n${REST}`);
    writeFileSync(join(context, '.dockerignore'), 'Dockerfile*\n');
    writeFileSync(join(context, 'index.html'), '<h1>hello</h1>\n');
    for (const command of [shale.base(base, url), shale.lock?.(context, 'record')])
      if (command !== undefined) run(command);
  };
  const row = (how: 'record' | 'replay', command: string, goal: string): Row => ({
    name: `${name}-${how}`,
    title: `${title}, \`${command}\``,
    warmups: 1,
    rounds: 5,
    limit: ordinary,
    limitTitle: 'the same, ordinary',
    goal,
    prepare: makeReady,
    command: (contender) => contender.lock?.(context, how),
  });
  return [
    row('record', 'shale lock', '≤ 1.1 × an ordinary build'),
    row('replay', 'build --locked', '≤ an ordinary build'),
  ];
}
