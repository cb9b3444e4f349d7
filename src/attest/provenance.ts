import type { Json, JsonObject } from '../base/index.ts';
import { hexOf, type Digest } from '../oci/index.ts';
import { formatPurl } from '../packages/index.ts';
import { PREDICATE, predicateOf, type Predicate } from './predicate.ts';

/** The template that BuildKit's provenance is written by; the fields here have its names and meanings. */
const BUILD_TYPE = 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md';

/** `min` leaves out what may be secret or personal: values of arguments and labels, ids of secrets, the Dockerfile. */
export type ProvenanceMode = 'min' | 'max';

/** Something from outside that went into a build. */
export type BuildMaterial =
  | {
      readonly kind: 'image';
      /** As people write it: `alpine`, `ghcr.io/team/app`. */
      readonly name: string;
      readonly tag: string | undefined;
      readonly platform: string;
      /** Of its manifest, or of its config where it was made here and has none of its own. */
      readonly digest: Digest | undefined;
      readonly isConfig: boolean;
    }
  | { readonly kind: 'file'; readonly url: string; readonly digest: Digest }
  | { readonly kind: 'git'; readonly repository: string; readonly ref: string | undefined; readonly commit: string };

/** A step as `max` tells it. */
export interface ProvenanceStep {
  readonly name: string;
  /** Numbers of the steps that it reads, counted from 0. */
  readonly inputs: readonly number[];
  /** The diffId of the layer that it made. */
  readonly layer?: string;
}

/** What is known of how an image was made. All of it is decided by what went in, and nothing by when and where. */
export interface BuildFacts {
  /** A URI that names who built; the release of shale when absent. */
  readonly builderId: string | undefined;
  readonly toolVersion: string;
  /** `linux/amd64`: of the image, and of the machine that built it. */
  readonly platform: string;
  readonly builderPlatform: string;
  /** `text` is as it may be shown, `digest` that of the file. */
  readonly dockerfile: { readonly name: string; readonly text: string; readonly digest: Digest };
  /** Of the repository or archive that the build was given as its context; undefined for a folder and standard input. */
  readonly contextAddress: string | undefined;
  /** What is checked out in the repository that the context is or lies in. */
  readonly commit: string | undefined;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  readonly secrets: readonly RequestedSecret[];
  readonly ssh: readonly RequestedSecret[];
  readonly materials: readonly BuildMaterial[];
  readonly steps: readonly ProvenanceStep[];
}

/** A secret or an agent that a step asks for; never its value. */
export interface RequestedSecret {
  readonly id: string;
  readonly optional: boolean;
}

/**
 * SLSA provenance, version 1 (slsa.dev/spec/v1.0/provenance). It has no invocation id and no times of start and end: the
 * same build, whether its steps ran or were found in the cache, gives the same bytes.
 */
export function provenancePredicate(facts: BuildFacts, mode: ProvenanceMode): Predicate {
  const isMax = mode === 'max';
  return predicateOf(PREDICATE.provenance, {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { configSource: configSource(facts), request: requestOf(facts, isMax) },
      internalParameters: {
        builderPlatform: facts.builderPlatform,
        ...(isMax && { buildConfig: { steps: facts.steps.map(stepJson) } }),
      },
      resolvedDependencies: eachOnce(facts.materials.map(dependencyOf)),
    },
    runDetails: {
      builder: {
        id: facts.builderId ?? `pkg:generic/shale@${facts.toolVersion}`,
        version: { shale: facts.toolVersion },
      },
      metadata: {
        buildkit_completeness: { request: isMax, resolvedDependencies: false },
        ...metadataOf(facts, isMax),
      },
    },
  });
}

function metadataOf(facts: BuildFacts, isMax: boolean): JsonObject {
  const metadata = {
    ...(facts.commit !== undefined && { vcs: { revision: facts.commit } }),
    ...(isMax && { source: { infos: [sourceInfo(facts)] } }),
  };
  return Object.keys(metadata).length === 0 ? {} : { buildkit_metadata: metadata };
}

function configSource({ contextAddress, commit, dockerfile }: BuildFacts): JsonObject {
  const path = dockerfile.name;
  if (contextAddress === undefined) return { path, digest: { sha256: hexOf(dockerfile.digest) } };
  return { uri: contextAddress, ...(commit !== undefined && { digest: commitDigest(commit) }), path };
}

function commitDigest(commit: string): JsonObject {
  return { [commit.length === 64 ? 'sha256' : 'sha1']: commit };
}

function requestOf(facts: BuildFacts, isMax: boolean): JsonObject {
  const { target, platform, network, buildArgs, labels, secrets, ssh } = facts;
  const args: [string, string][] = [
    ['platform', platform],
    ...(target === undefined ? [] : [['target', target] satisfies [string, string]]),
    ...(network === 'default' ? [] : [['force-network-mode', network] satisfies [string, string]]),
    ...(isMax ? prefixed('build-arg:', buildArgs) : []),
    ...(isMax ? prefixed('label:', labels) : []),
  ];
  return {
    frontend: 'dockerfile.v0',
    args: Object.fromEntries(args.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ...(isMax && secrets.length > 0 && { secrets: secrets.map(requestedJson) }),
    ...(isMax && ssh.length > 0 && { ssh: ssh.map(requestedJson) }),
    ...(facts.contextAddress === undefined && { locals: [{ name: 'context' }, { name: 'dockerfile' }] }),
  };
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]);
}

function requestedJson({ id, optional }: RequestedSecret): JsonObject {
  return { id, ...(optional && { optional }) };
}

function dependencyOf(material: BuildMaterial): JsonObject {
  switch (material.kind) {
    case 'image': {
      const { name, tag, platform, digest, isConfig } = material;
      const slash = name.lastIndexOf('/');
      return {
        uri: formatPurl({
          type: 'docker',
          namespace: slash < 0 ? undefined : name.slice(0, slash),
          name: name.slice(slash + 1),
          version: tag,
          qualifiers: { platform },
        }),
        ...(digest !== undefined && { digest: { sha256: hexOf(digest) } }),
        ...(isConfig && { annotations: { 'digest-of': 'config' } }),
      };
    }
    case 'file':
      return { uri: material.url, digest: { sha256: hexOf(material.digest) } };
    case 'git': {
      const { repository, ref, commit } = material;
      const uri = ref === undefined || ref === '' ? repository : `${repository}#${ref}`;
      return { uri, digest: commitDigest(commit) };
    }
  }
}

function stepJson({ name, inputs, layer }: ProvenanceStep, number: number): JsonObject {
  return {
    id: `step${number}`,
    name,
    ...(inputs.length > 0 && { inputs: inputs.map((input) => `step${input}`) }),
    ...(layer !== undefined && { layer }),
  };
}

function sourceInfo({ dockerfile }: BuildFacts): JsonObject {
  const { name, text, digest } = dockerfile;
  const data = Buffer.from(text).toString('base64');
  return { filename: name, language: 'Dockerfile', data, digest: { sha256: hexOf(digest) } };
}

/** In the order of their bytes, which no order of execution has a part in. */
function eachOnce(items: readonly Json[]): Json[] {
  const texts = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
