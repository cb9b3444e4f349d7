import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { parseDiffId, type ContainerConfig, type ImageConfig } from '../../oci/index.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import { readCorpus } from '../syntax/corpus.fixture.ts';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import type { BuildPlan, PlanOptions } from './plan.ts';
import { toGraph } from './to-graph.ts';

const builds = readCorpus('builds.jsonl.gz', 'corpus');

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function baseConfig(config: ContainerConfig): ImageConfig {
  return {
    ...PLATFORM,
    config,
    diffIds: [parseDiffId(`sha256:${'0'.repeat(64)}`)],
    history: [{ createdBy: 'imported' }],
  };
}

async function planOrRefusal(options: PlanOptions): Promise<BuildPlan | Diagnostic> {
  try {
    return await toGraph(options);
  } catch (error) {
    assert.ok(isShaleError(error, 'DOCKERFILE_INVALID'), String(error));
    const { diagnostics } = error.data;
    assert.ok(Array.isArray(diagnostics));
    return diagnostics.findLast((diagnostic: Diagnostic) => diagnostic.severity === 'error') as Diagnostic; // Ours.
  }
}

function isPlan(result: BuildPlan | Diagnostic): result is BuildPlan {
  return 'graph' in result;
}

interface BuildCase {
  readonly name: string;
  readonly files: string;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly fails?: string;
  readonly config?: Readonly<Record<string, unknown>> & { readonly layers: number; readonly history: number };
}

/** A file's content in an uncompressed tar; of several entries the last one counts. */
function fileInTar(tar: Buffer, name: string): string {
  let content: string | undefined;
  for (let at = 0; at + 512 <= tar.length;) {
    const entry = tar
      .toString('latin1', at, at + 100)
      .replace(/\0.*$/s, '')
      .replace(/^\.\//, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8) || 0;
    if (entry === name) content = tar.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  assert.ok(content !== undefined, `${name} is in the tar`);
  return content;
}

const objectOf = (names: readonly string[] | undefined): unknown =>
  names && Object.fromEntries(names.map((name) => [name, {}]));

function comparable(plan: BuildPlan, baseLayers: number): Record<string, unknown> {
  const { config } = plan.config;
  const fields = {
    ...config,
    ExposedPorts: objectOf(config.ExposedPorts),
    Volumes: objectOf(config.Volumes),
    layers: baseLayers + plan.history.filter(({ vertex }) => vertex !== undefined).length,
    history: plan.history.length,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What only execution can find out: files that are missing, copies onto something that is no directory. */
const EXECUTION_FAILURES = /^failed to compute cache key|path escapes|cannot copy to non-directory|did not complete/;

test('toGraph() gives the config, layers and history of whole builds', { skip: builds.missing }, async () => {
  const wrong: unknown[] = [];
  const counts = { equal: 0, refused: 0, later: 0 };
  for (const build of builds.readLines<BuildCase>()) {
    const text = fileInTar(Buffer.from(build.files, 'base64'), build.dockerfile);
    const busybox = baseConfig({ Env: [PATH], Cmd: ['sh'] });
    const result = await planOrRefusal({
      dockerfile: parseDockerfile(text),
      platform: PLATFORM,
      buildArgs: build.buildArgs,
      assumeAllowed: true,
      resolveImageConfig: () => Promise.resolve({ config: busybox }),
    });
    const isLater = build.fails !== undefined && EXECUTION_FAILURES.test(build.fails);
    if (!isPlan(result)) {
      if (build.fails !== undefined && !isLater) counts.refused++;
      else wrong.push([build.name, result.message]);
    } else if (isLater) counts.later++;
    else if (build.fails !== undefined) wrong.push([build.name, `accepted, not ${build.fails}`]);
    else {
      const actual = comparable(
        result,
        result.history.length > 0 && result.history[0]?.createdBy === 'imported' ? 1 : 0,
      );
      try {
        assert.deepEqual(actual, build.config);
        counts.equal++;
      } catch (error) {
        wrong.push([build.name, String(error)]);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(counts, { equal: 125, refused: 2, later: 9 });
});
