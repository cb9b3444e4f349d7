/**
 * Whole builds that docker 28.5 (BuildKit) carried out too: the same Dockerfiles are refused, and the others give an image
 * with the same config and, path for path, the same tree. The answers are facts recorded outside the project.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { ViewNode } from '../src/erofs/index.ts';
import { BUSYBOX, cannotRun, Lab, shared } from './support/lab.ts';

/** `[type, mode, uid, gid, size, sha256 or link target]` */
type Row = readonly [string, string, number, number, number, string];

interface Case {
  readonly name: string;
  /** A tar of the context, base64. */
  readonly files: string;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly fails?: string;
  readonly config: Readonly<Record<string, unknown>> & { readonly layers: number; readonly history: number };
  /** What differs from the base. */
  readonly tree: Readonly<Record<string, Row>>;
  readonly removed: readonly string[];
}

/** Cases that need what is not carried out yet: they end in a refusal that says so. */
const NOT_CARRIED_OUT: Readonly<Record<string, RegExp>> = {
  'bh-mount-cache-by-ownership': /Dockerfile:3: RUN --mount=type=cache is not supported/,
};

const CORPUS = shared('corpus/builds.jsonl.gz');
const skip = cannotRun || CORPUS.missing || BUSYBOX.missing;
const cases = skip === false ? readCases() : [];

function readCases(): Case[] {
  const lines = gunzipSync(readFileSync(CORPUS.path)).toString().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Case); // The corpus's README has the shape.
}

describe('a build of the corpus is what docker made of it', { skip, concurrency: 4 }, () => {
  let lab: Lab;
  let base: Map<string, Row>;

  before(async () => {
    lab = await Lab.open();
    base = await rowsOf(await lab.importBusybox());
  });
  after(() => lab[Symbol.asyncDispose]());

  async function rowsOf(imageId: string): Promise<Map<string, Row>> {
    return new Map([...(await lab.tree(imageId))].map(([path, node]) => [path, rowOf(node)]));
  }

  function unpack(one: Case): string {
    const folder = lab.newFolder();
    const tar = spawnSync('tar', ['-xpf', '-', '-C', folder], { input: Buffer.from(one.files, 'base64') });
    assert.equal(tar.status, 0, tar.stderr.toString());
    return folder;
  }

  async function build(one: Case): Promise<string> {
    const folder = unpack(one);
    const dockerfile = { kind: 'file', path: `${folder}/${one.dockerfile}` } as const;
    return (await lab.build(folder, { dockerfile, buildArgs: one.buildArgs })).imageId;
  }

  for (const one of cases) {
    const refusal = NOT_CARRIED_OUT[one.name];
    test(one.name, async () => {
      if (refusal !== undefined) return assert.rejects(build(one), refusal);
      if (one.fails !== undefined) return assert.rejects(build(one), `docker refuses it: ${one.fails}`);
      const imageId = await build(one);
      assert.deepEqual(await configOf(imageId, one.config), one.config);
      assert.deepEqual(differences(base, await rowsOf(imageId)), { tree: { ...one.tree }, removed: one.removed });
    });
  }

  /** The fields that docker's answer has, and the counts. */
  async function configOf(imageId: string, expected: Case['config']): Promise<Record<string, unknown>> {
    const inspected = await lab.engine.inspect(imageId, 'image');
    const config = inspected['Config'] as Record<string, unknown>; // Docker's shape.
    const rootfs = inspected['RootFS'] as { readonly Layers: readonly string[] }; // Docker's shape.
    const fields: Record<string, unknown> = {};
    for (const name of Object.keys(expected)) if (name in config) fields[name] = config[name];
    for (const [name, value] of Object.entries(config)) if (!isEmpty(value)) fields[name] = value;
    const history = await lab.engine.history(imageId);
    return { ...fields, layers: rootfs.Layers.length, history: history.length };
  }
});

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function rowOf(node: ViewNode): Row {
  const mode = `0o${node.mode.toString(8)}`;
  if (node.kind === 'directory') return ['dir', mode, node.uid, node.gid, 0, ''];
  if (node.kind === 'symlink') return ['link', mode, node.uid, node.gid, 0, node.linkTarget()];
  const digest = Buffer.from(node.sha256() ?? []).toString('hex');
  return [node.kind, mode, node.uid, node.gid, node.sizeBytes, digest];
}

/** What a tree has that the base has not or has otherwise, and what of the base is gone. */
function differences(
  base: ReadonlyMap<string, Row>,
  tree: ReadonlyMap<string, Row>,
): { tree: Record<string, Row>; removed: string[] } {
  const changed: Record<string, Row> = {};
  for (const [path, row] of tree) if (String(base.get(path)) !== String(row)) changed[path] = row;
  return { tree: changed, removed: [...base.keys()].filter((path) => !tree.has(path)).toSorted() };
}
