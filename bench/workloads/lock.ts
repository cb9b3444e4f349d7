import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../measure.ts';
import type { Contender, Row, Workload } from '../types.ts';

const BASE = 'bench/lock-base';
const DOCKERFILE = `FROM ${BASE}\nRUN apt-get update && apt-get install -y nginx\nCOPY . /usr/share/nginx/html\n`;

/** What a lock costs, and what it gives: the nginx example with packages from a mirror, beside the ordinary build of it. */
export const lock: Workload = {
  name: 'lock',
  rows({ contexts, contenders }) {
    const shale = contenders.find((one) => 'lock' in one);
    const context = join(contexts, 'lock');
    const ordinary = shale?.lock?.(context, 'neither');
    if (shale === undefined || ordinary === undefined) return [];
    const row = (how: 'record' | 'replay', title: string, goal: string): Row => ({
      name: `lock-${how}`,
      title,
      warmups: 1,
      rounds: 5,
      limit: ordinary,
      limitTitle: 'the same, ordinary',
      goal,
      prepare: () => makeReady(shale, context),
      command: (contender) => contender.lock?.(context, how),
    });
    return [
      row('record', 'apt-get install nginx, `shale lock`', '≤ 1.1 × an ordinary build'),
      row('replay', 'apt-get install nginx, `build --locked`', '≤ an ordinary build'),
    ];
  },
};

let isReady = false;

/** The base image is made, and the lock file written, once in a run: the store is new in each, and contexts stay. */
function makeReady(shale: Contender, context: string): void {
  if (isReady) return;
  isReady = true;
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
  writeFileSync(join(context, '.dockerignore'), 'Dockerfile*\n');
  writeFileSync(join(context, 'index.html'), '<h1>hello</h1>\n');
  for (const command of [shale.base(BASE), shale.lock?.(context, 'record')]) if (command !== undefined) run(command);
}
