import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { BUSYBOX, cannotRun, Lab } from '../../tests/support/lab.ts';
import type { Suite } from '../suite.ts';
import { changesBetween, configOf, rowsOf, type ConfigFields, type TreeChanges } from '../trees.ts';

/** A build of the shared corpus: docker's answer is `fails`, or a config with a tree. */
interface Build extends TreeChanges {
  readonly name: string;
  /** A tar of the context, base64. */
  readonly files: string;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly fails?: string;
  readonly config: ConfigFields;
}

const corpus = readCorpus('builds.jsonl.gz', 'corpus');

export const builds: Suite = {
  name: 'builds',
  about: 'whole builds with the config and the tree that docker made',
  missing: cannotRun || corpus.missing || BUSYBOX.missing,
  concurrency: 4,
  async open() {
    const lab = await Lab.open();
    const base = await rowsOf(lab, await lab.importBusybox());
    const cases = corpus.readLines<Build>().map((one) => ({
      name: one.name,
      run: async () => {
        if (one.fails !== undefined) return assert.rejects(build(lab, one), `docker refuses it: ${one.fails}`);
        const imageId = await build(lab, one);
        assert.deepEqual(await configOf(lab, imageId, one.config), one.config);
        const changes = changesBetween(base, await rowsOf(lab, imageId));
        assert.deepEqual(changes, { tree: { ...one.tree }, removed: one.removed });
      },
    }));
    return { cases, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
  },
};

async function build(lab: Lab, one: Build): Promise<string> {
  const folder = lab.newFolder();
  const tar = spawnSync('tar', ['-xpf', '-', '-C', folder], { input: Buffer.from(one.files, 'base64') });
  assert.equal(tar.status, 0, tar.stderr.toString());
  const dockerfile = { kind: 'file', path: `${folder}/${one.dockerfile}` } as const;
  return (await lab.build(folder, { dockerfile, buildArgs: one.buildArgs })).imageId;
}
