import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { DEFAULT_HOST_CONFIG, type RunRequest } from '../../engine/index.ts';
import type { Fact, Facts } from '../../../tests/containers/option-cases.ts';
import { fakeContext } from '../fake-context.fixture.ts';
import { parseFlags } from '../parse-flags.ts';
import { command, runRequest } from './run.ts';

const facts = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/containers/docker-options.json'), 'utf8'),
) as Facts; // written by record-options.ts

/** What docker 28.5 takes and shale refuses. */
const REFUSED_HERE: readonly RegExp[] = [
  /^--security-opt writable-cgroups/,
  /^--(kernel-memory|disable-content-trust)/,
  /^--mount type=image/,
  // Docker takes a target without a slash, and fails at the start.
  /^-v a:b|^--volume-driver local -v q/,
  /^--hostname -x/,
];

/** What docker's daemon refuses and the command line does not: the engine does, in tests of its own. */
const REFUSED_LATER: readonly RegExp[] = [
  /^-m 1m|^-m 64m --memory|^--memory-swap 32m/,
  /^--cpus (99|1 --cpu-period)|^--cpu-(quota|period) 10$|^--cpuset/,
  /^--cap-(add|drop) FOO/,
  /^-v \/srv:\/b -v|^--mount type=bind,src=\/srv,dst=\/b -v|^--volumes-from|src=\/nonexistent/,
  /^--platform foo|^-w rel|^--stop-signal FOO|^--network none --ip|^--ip 1/,
  // They were recorded with docker create, which has no such flag.
  /^--sig-proxy/,
];

/** Fields that the engine adds, or that the machine decides. */
const NOT_ASKED_FOR: ReadonlySet<string> = new Set(['CgroupnsMode', 'MemorySwap', 'NetworkMode']);

function requestOf(words: readonly string[]): RunRequest {
  const { flags, args } = parseFlags([...words, 'busybox', 'true'], { ...command, optionsFirst: true });
  return runRequest(fakeContext().context, { flags, args }, 'bridge');
}

function tried(words: readonly string[]): { readonly request?: RunRequest; readonly refusal?: string } {
  try {
    return { request: requestOf(words) };
  } catch (error) {
    if (isShaleError(error, 'USAGE')) return { refusal: error.message };
    throw error;
  }
}

/** docker writes an empty list now as null, now as it is. */
function normal(value: unknown): unknown {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return value === undefined || isEmpty ? null : value;
}

/** The fields of `HostConfig` that the options change, and what they become. */
function changed(fact: Fact, request: RunRequest): { readonly docker: unknown; readonly shale: unknown } {
  const docker = { ...facts.base.HostConfig, ...fact.HostConfig };
  const shale = { ...DEFAULT_HOST_CONFIG, ...request.hostConfig };
  const names = new Set([...Object.keys(request.hostConfig ?? {}), ...Object.keys(fact.HostConfig ?? {})]);
  const known = [...names].filter((name) => !NOT_ASKED_FOR.has(name) && name in DEFAULT_HOST_CONFIG);
  const fields = (from: object): unknown =>
    Object.fromEntries(known.map((name) => [name, normal(Reflect.get(from, name))]));
  return { docker: fields(docker), shale: fields(shale) };
}

describe('options of run against docker 28.5, as recorded', () => {
  for (const fact of facts.cases) {
    const line = fact.options.join(' ');
    test(`run ${line}`, () => {
      const { request, refusal } = tried(fact.options);
      const isRefused = fact.refused !== undefined;
      if (isRefused && REFUSED_LATER.some((one) => one.test(line))) return assert.equal(refusal, undefined);
      if (!isRefused && REFUSED_HERE.some((one) => one.test(line))) return assert.notEqual(refusal, undefined);
      assert.equal(refusal !== undefined, isRefused, `docker: ${fact.refused ?? 'takes it'}; shale: ${refusal}`);
      // What docker discards, for want of the kernel's support, it does not keep.
      if (request === undefined || fact.warning?.includes('discarded') === true) return;
      const { docker, shale } = changed(fact, request);
      assert.deepEqual(shale, docker);
    });
  }
});
