import type { ByteString } from '../base/index.ts';

/**
 * What `shale explore` knows of an image: one model for the terminal, the page and the files for CI. `ExplorationReport` is
 * plain data, made once when the image is opened; `Exploration` adds the trees, which are read when they are asked for.
 *
 * Everywhere here: paths are byte strings without a leading slash (`usr/bin/env`, the root is the empty one), layers are
 * numbered from 0, the lowest; `...Bytes` are bytes, `...Ms` milliseconds since 1970. Bytes of files are those of their
 * content: a file with several names (hard links) counts once in each layer, at the first of its names by their bytes.
 */
export interface ExplorationReport {
  readonly image: ExploredImage;
  /** As the image's history has them, oldest first; those that made no layer are among them. */
  readonly instructions: readonly ExploredInstruction[];
  /** Lowest first. */
  readonly layers: readonly ExploredLayer[];
  readonly totals: ExplorationTotals;
  readonly waste: Waste;
  readonly scores: { readonly shale: ShaleScore; readonly dive: DiveScore };
  /** Files of the merged tree with equal content, those that cost most first; the first 1000 groups. */
  readonly duplicates: readonly DuplicateGroup[];
  readonly packages: ExploredPackages;
  /** Files of the merged tree that run with other rights than those of who starts them; by path. */
  readonly privileged: readonly PrivilegedFile[];
  /** The build that made the image, where this store has its record. */
  readonly build: ExploredBuild | undefined;
  /** What could not be read, for people. */
  readonly problems: readonly string[];
}

export interface ExploredImage {
  /** As it was asked for. */
  readonly name: string;
  /** Digest of the config. */
  readonly id: string;
  /** Digest of the manifest, where there is one. */
  readonly digest: string | undefined;
  /** What it was read from. */
  readonly source: 'store' | 'docker-archive' | 'layout' | 'layout-archive' | 'folder' | 'registry';
  /** `linux/amd64`. */
  readonly platform: string;
  readonly created: string | undefined;
  readonly tags: readonly string[];
  /** Bytes of all layers' tars. */
  readonly tarBytes: number;
  /** Bytes of all layers as they are sent; undefined where one's are not known. */
  readonly compressedBytes: number | undefined;
  /** `Debian GNU/Linux 12 (bookworm)`. */
  readonly distribution: string | undefined;
  /** The images that it stands on, the lowest first; empty where none is known. */
  readonly bases: readonly ExploredBase[];
  /** What containers get: Env, Cmd, User, … as the config has them. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** An image whose layers are at the bottom of this one. */
export interface ExploredBase {
  readonly name: string;
  readonly digest: string | undefined;
  /** How many of the lowest layers are its; 0 where only the name is known. */
  readonly layers: number;
  /** What says so: the record of the build, equal layers of an image in the store, annotations of the manifest. */
  readonly knownBy: 'build' | 'layers' | 'annotation';
}

export interface ExploredInstruction {
  readonly number: number;
  /** `RUN`, `COPY`, …; empty where the history does not say. */
  readonly keyword: string;
  /** For people, on one line: `RUN apt-get update`; without what builders put around it. */
  readonly text: string;
  /** As the history has it. */
  readonly createdBy: string;
  readonly comment: string;
  readonly created: string | undefined;
  /** The layer that it made. */
  readonly layer: number | undefined;
  /** The number of its step in `build.steps`. */
  readonly step: number | undefined;
  /** Where it stands in the Dockerfile, where that is known and unchanged. */
  readonly line: DockerfileLine | undefined;
  /** The place in `image.bases` of the image that it came with; undefined for this image's own. */
  readonly base: number | undefined;
}

export interface DockerfileLine {
  /** Absolute. */
  readonly file: string;
  /** From 1. */
  readonly first: number;
  readonly last: number;
}

export interface FileSum {
  readonly files: number;
  readonly bytes: number;
}

export interface ExploredLayer {
  readonly number: number;
  readonly diffId: string;
  /** The blob that it is sent as, where there is one. */
  readonly digest: string | undefined;
  readonly mediaType: string | undefined;
  readonly compressedBytes: number | undefined;
  readonly tarBytes: number;
  /** In `instructions`; undefined where the history is too short. */
  readonly instruction: number | undefined;
  readonly base: number | undefined;
  /** Of all entries: files, links, devices; directories apart. `bytes` are those of contents. */
  readonly content: FileSum & { readonly directories: number };
  /** Files that were not there before. */
  readonly added: FileSum;
  /** Files that were there with other content; `bytes` are the new ones. */
  readonly changed: FileSum;
  /** Files that were there with the same content and other mode, owner, attributes or links: copied for a chmod or chown. */
  readonly metadataOnly: FileSum;
  /** Files that were there just so, but perhaps for their times. */
  readonly rewritten: FileSum;
  /** What it deletes of the layers below; `bytes` are those that stay in the lower layers nevertheless. */
  readonly removed: FileSum;
  /** Its files that later layers delete or write again. They are kept in it, and no container sees them. */
  readonly hiddenLater: FileSum;
  /** Package files of the merged tree by package that this layer brought or touched; by bytes, the largest first. */
  readonly packages: readonly { readonly name: string; readonly version: string; readonly bytes: number }[];
}

export interface ExplorationTotals {
  /** What a container sees. */
  readonly visible: FileSum & { readonly directories: number };
  /** In all layers. */
  readonly stored: FileSum;
  /** In the layers that are this image's own: above its highest base; all but the lowest where none is known. */
  readonly own: FileSum;
}

/** Why bytes are waste. Those of `lost` reach no container; of `avoidable` nobody misses; `optional` are for people. */
export type WasteCause =
  /** lost: a later layer deletes them */
  | 'deleted'
  /** lost: a later layer has the file with other content */
  | 'overwritten'
  /** lost: copied into a later layer for another mode, owner or attribute */
  | 'metadata'
  /** lost: written again in a later layer, the same */
  | 'rewritten'
  /** avoidable: the same content at another path */
  | 'duplicate'
  /** avoidable: archives and indexes of package managers */
  | 'package-cache'
  /** avoidable: /tmp, /var/tmp, logs */
  | 'temporary'
  /** avoidable: .git, .hg, .svn */
  | 'version-control'
  /** optional: documentation, manual pages */
  | 'documentation'
  /** optional: translations of messages, locales */
  | 'locales'
  /** optional: debug symbols in files of their own, static libraries, headers */
  | 'development';

export type WasteWeight = 'lost' | 'avoidable' | 'optional';

export interface Waste {
  /** One for each cause that there is, the most bytes first. Bytes count for one cause only. */
  readonly causes: readonly WasteOfCause[];
  /** By bytes, the most first; the first 2000. Of folders that are waste as a whole there is one entry. */
  readonly entries: readonly WasteEntry[];
  readonly moreEntries: number;
}

export interface WasteOfCause {
  readonly cause: WasteCause;
  readonly weight: WasteWeight;
  /** One sentence for people. */
  readonly meaning: string;
  readonly files: number;
  readonly bytes: number;
  /** Rules of `shale lint` that mend it (ids; `docs/lint/rules/ID.md` are their pages). */
  readonly rules: readonly LintRuleLink[];
}

export interface LintRuleLink {
  readonly id: string;
  /** What the rule asks for. */
  readonly title: string;
}

export interface WasteEntry {
  readonly path: ByteString;
  readonly isFolder: boolean;
  readonly cause: WasteCause;
  readonly weight: WasteWeight;
  readonly files: number;
  readonly bytes: number;
  /** The layer that the wasted bytes lie in. */
  readonly layer: number;
  /** The layer that made them waste (deleted, overwrote); undefined where it is the same. */
  readonly by: number | undefined;
  /** The rule that mends it where its instruction is that of `layer`. */
  readonly rule: LintRuleLink | undefined;
}

/** Ours: the bytes that containers see and want, as a part of all bytes of files. 1 is the best. */
export interface ShaleScore {
  readonly efficiency: number;
  readonly totalBytes: number;
  readonly lostBytes: number;
  readonly avoidableBytes: number;
  /** Not counted as waste. */
  readonly optionalBytes: number;
}

/** As dive defines it (docs/explore.md): of each path that is a leaf in a layer, the least size by the sum of sizes. */
export interface DiveScore {
  readonly efficiency: number;
  /** Bytes of files in all layers, and in all but the lowest. */
  readonly totalBytes: number;
  readonly userBytes: number;
  /** Sizes of all paths that are in more than one layer, all of them added up. */
  readonly wastedBytes: number;
  /** Of `userBytes`, from 0; may be above 1. */
  readonly wastedUserShare: number;
  /** The first 1000, the most bytes first. */
  readonly inefficient: readonly {
    readonly path: ByteString;
    readonly count: number;
    readonly bytes: number;
  }[];
}

export interface DuplicateGroup {
  /** Of the content, hex. */
  readonly sha256: string;
  readonly fileBytes: number;
  /** What would be saved if there were one: `fileBytes` times the number of further files. */
  readonly wastedBytes: number;
  /** At most 100, by path. */
  readonly places: readonly { readonly path: ByteString; readonly layer: number }[];
  readonly count: number;
}

export interface ExploredPackages {
  /** `deb`, `apk`, …: how many there are. */
  readonly counts: Readonly<Record<string, number>>;
  /** By bytes, the largest first. */
  readonly packages: readonly ExploredPackage[];
  /** Files of the merged tree that belong to no package. */
  readonly unowned: FileSum;
}

export interface ExploredPackage {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string | undefined;
  readonly purl: string;
  /** That brought it in this version. */
  readonly layer: number;
  /** Its files in the merged tree. */
  readonly files: number;
  readonly bytes: number;
}

export interface PrivilegedFile {
  readonly path: ByteString;
  readonly layer: number;
  /** Twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** `cap_net_raw=ep`; undefined where it has none. */
  readonly capabilities: string | undefined;
  readonly package: string | undefined;
}

/** The build that made an image: the timeline and the graph. */
export interface ExploredBuild {
  readonly id: string;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** What it took from begin to end. */
  readonly seconds: number;
  /** Seconds of the longest chain of steps that need each other. */
  readonly criticalSeconds: number;
  /** The Dockerfile, absolute, where it was a file. */
  readonly dockerfile: string | undefined;
  /** False when the file is another by now: no lines are known then. */
  readonly isDockerfileSame: boolean;
  readonly context: string | undefined;
  readonly target: string | undefined;
  /** All of them, by number, those of other stages too. */
  readonly steps: readonly ExploredStep[];
}

export interface ExploredStep {
  /** As progress numbers it. */
  readonly number: number;
  readonly name: string;
  /** The stage's name or number; undefined for steps of none (contexts). */
  readonly stage: string | undefined;
  /** `base`: an image that was there. */
  readonly outcome: 'ran' | 'cached' | 'base' | 'failed' | 'canceled';
  /** Why it ran or did not: one sentence. */
  readonly reason: string;
  /** What differs from the nearest earlier run. */
  readonly changes: readonly { readonly input: string; readonly before?: string; readonly after?: string }[];
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  /** 0 for what was cached. */
  readonly seconds: number;
  /** Numbers of steps whose results it uses. */
  readonly needs: readonly number[];
  readonly isCritical: boolean;
  /** The layer of this image that it made. */
  readonly layer: number | undefined;
  readonly line: DockerfileLine | undefined;
}
