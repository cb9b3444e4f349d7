/**
 * build: a Dockerfile carried out. The graph's operations (base, copy, directory, exec) with what each one's result depends
 * on, the contexts that they copy from, the container that RUN needs, and the record of it all. COPY and ADD never mount and
 * never start anything; a layer is a function of what its step's key says.
 */
export type { WantedAttestation } from './attest/attest-product.ts';
export { buildImage, CONCURRENCY, type BuildOptions, type BuildResult } from './build.ts';
export type { ContextModes } from './context/context-tree.ts';
export type { ContextPlace, GivenContexts, NamedPlace, StoredContext } from './context/contexts.ts';
export type { CacheExport } from './cache/exports.ts';
export { makesIndex } from './makes-index.ts';
export type { CacheImport } from './cache/imports.ts';
export { includeReader } from './context/include-reader.ts';
export { readRevision, type Revision } from './context/revision.ts';
export { readLocalFile, type LocalFile } from './context/local-file.ts';
export type { Provisions, StepSettings } from './exec/provisions.ts';
export { createStepRunner, type StepRequest, type StepRunner, type StepRunnerParts } from './exec/step-runner.ts';
export type { ClockSite, StepClock, StepClockParts } from './exec/clock.ts';
export type { OpenTraffic, StepTraffic, TrafficSite, WatchedStep } from './exec/traffic.ts';
export type * from './exporters/output.ts';
export type { FailedStep } from './failed-step.ts';
export { FORMAT_VERSION } from './format-version.ts';
export { isNoise } from './noise.ts';
export { planOptionsOf, type PlanInput } from './plan.ts';
export { openStackTree } from './copy/stack-tree.ts';
export { readTreeFile } from './copy/read-file.ts';
export { resolveIn, type SourceNode } from './copy/source-tree.ts';
export { agentAt, agentOfKeys, type SshAgent } from './ssh/agent.ts';
export { parsePrivateKey } from './ssh/keys.ts';
export { userDatabase } from './ops/owner.ts';
export { gitResult } from './ops/fetch.ts';
export type { GitSsh } from './sources/git-source.ts';
export { isGitAddress, parseGitReference } from './sources/git-url.ts';
export { openSources, type Fetching, type Sources } from './sources/sources.ts';
export { shownUrl } from './sources/url-text.ts';
export { UNPACKED_BYTES_MAX } from './copy/unpack.ts';
