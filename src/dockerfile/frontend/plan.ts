import type { ExecLimits, ExtraHost, Graph, NetworkMode, VertexId } from '../../graph/index.ts';
import type { HistoryEntry, ImageConfig, Platform } from '../../oci/index.ts';
import type { Finding } from '../lint/build-checks/check.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';

/** A base image as the frontend needs it. */
export interface ResolvedImage {
  /** Of the manifest, where known. */
  readonly digest?: string;
  /** Of the config as it is stored, where the image has a record. */
  readonly id?: string;
  readonly config: ImageConfig;
}

/** What stands behind `--build-context name=…`: files, or an image. */
export type NamedContext = { readonly kind: 'files' } | { readonly kind: 'image'; readonly reference: string };

/** What an operator must allow, because it reaches out of the sandbox. */
export type Entitlement = 'network.host' | 'security.insecure' | 'device' | `device=${string}`;

export interface PlanOptions {
  readonly dockerfile: Dockerfile;
  /** Name or number of the stage to build; the last one when absent. */
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** True when someone asked for this platform: the image then says so even when its base is for another one. */
  readonly platformRequested?: boolean;
  /** The platform of this machine; `platform` when absent. */
  readonly buildPlatform?: Platform;
  /**
   * The config of a base image; `reference` is a name in full. Called at most once for one name and platform, and only
   * for images that the target needs. What it throws comes out of `toGraph` with the place in the Dockerfile.
   */
  resolveImageConfig(reference: string, platform: Platform): Promise<ResolvedImage>;
  /** By name as given on the command line. */
  readonly namedContexts?: ReadonlyMap<string, NamedContext>;
  /** What SOURCE_DATE_EPOCH=context means; undefined where the context does not say when it was made. */
  contextEpoch?(): number | undefined;
  /** Seconds since 1970; wins over every other source of the epoch. */
  readonly epoch?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** True for all steps, or the names of the stages. */
  readonly noCache?: boolean | readonly string[];
  /** For RUN without --network. */
  readonly network?: NetworkMode;
  readonly hostname?: string;
  readonly extraHosts?: readonly ExtraHost[];
  /** Of every RUN. */
  readonly limits?: ExecLimits;
  readonly entitlements?: readonly Entitlement[];
  /** The patterns of the context's ignore file, for the build checks. */
  readonly ignorePatterns?: readonly string[];
  /** Plans every stage, not only those that the target needs. */
  readonly allStages?: boolean;
  /** Plans also what nobody has allowed; for checks. */
  readonly assumeAllowed?: boolean;
}

/** The image's config without what only the build can tell. */
export type PlannedConfig = Omit<ImageConfig, 'diffIds' | 'history' | 'created'>;

/** An entry of the image's history; one that is not empty belongs to a vertex, or to a layer of the base. */
export interface PlannedHistory extends HistoryEntry {
  readonly vertex?: VertexId;
}

export interface BaseImage {
  readonly reference: string;
  readonly platform: Platform;
  readonly digest?: string;
  readonly id?: string;
  readonly vertex: VertexId;
  readonly config: ImageConfig;
}

export interface PlannedStage {
  readonly index: number;
  /** '' when it has none. */
  readonly name: string;
  /** Expanded, as written. */
  readonly base: string;
  /** From the comment above FROM that begins with the stage's name. */
  readonly description?: string;
  /** Absent when the target does not need the stage. */
  readonly rootfs?: VertexId;
  /** Arguments for the builder (`BUILDKIT_SBOM_SCAN_…`) as they hold in the stage. */
  readonly builderArgs: Readonly<Record<string, string>>;
}

/** What a Dockerfile comes to. */
export interface BuildPlan {
  /** What `result` needs, and nothing more. */
  readonly graph: Graph;
  /** The root filesystem of the target stage. */
  readonly result: VertexId;
  readonly config: PlannedConfig;
  /**
   * The base's entries, then one for every instruction but FROM and ONBUILD. The layers are the base's and then one for
   * each entry with a vertex, in that order: RUN, COPY and ADD always have one, WORKDIR has one unless it is `/`.
   */
  readonly history: readonly PlannedHistory[];
  readonly target: PlannedStage;
  readonly stages: readonly PlannedStage[];
  /** Those that the result depends on. */
  readonly baseImages: readonly BaseImage[];
  /** Seconds since 1970, for the times of files, the config and the history. */
  readonly epoch: number;
  readonly warnings: readonly Diagnostic[];
  /** The files that the steps come from, by the names in their origins. */
  readonly sources: ReadonlyMap<string, string>;
  /** What the build checks found. */
  readonly findings: readonly Finding[];
  /** True when findings mean that the build fails: `check=error=true`. */
  readonly findingsAreErrors: boolean;
  /** Build arguments that no stage of the build declares. */
  readonly unusedArgs: readonly string[];
}
