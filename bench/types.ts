/** A program and its arguments, with what differs from the surroundings of the benchmark. */
export interface Command {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface BuildArguments {
  readonly context: string;
  readonly tag: string;
  readonly cold: boolean;
  /** Stages at a time, for those that want to be told. */
  readonly jobs?: number;
}

/** A folder that the cache of a build is written to, or taken from. */
export interface CacheFolder {
  readonly folder: string;
  readonly direction: 'to' | 'from';
}

/** What docker's command line and its likes do with images. */
export interface ImageCommands {
  pull(name: string): Command;
  /** Every tag of a repository; undefined where it cannot at once. */
  pullAll(repository: string): Command | undefined;
  push(name: string): Command;
  /** As `pullAll`. */
  pushAll(repository: string): Command | undefined;
  /** With zstd; with gzip where it has nothing else. */
  pushZstd(name: string): Command;
  tag(name: string, other: string): Command;
  save(name: string, file: string): Command;
  /** `image`: what is in it, for those that want to be told. */
  load(file: string, image: string): Command;
}

/** A program that is measured. */
export interface Contender {
  readonly name: string;
  /** File with the process id of the daemon that does its work. */
  readonly daemonPidFile: string | undefined;
  /** undefined where it cannot. */
  build(request: BuildArguments): Command | undefined;
  /** The same with a cache in a folder; undefined where it has none. */
  buildWithCache(request: BuildArguments, cache: CacheFolder): Command | undefined;
  /** undefined where it cannot. */
  run(image: string, network: 'default' | 'none'): Command | undefined;
  /** docker's command line as it is typed; undefined where containers have no such words. */
  readonly containers?: (...args: readonly string[]) => Command;
  /** Makes a Debian base image from the distribution's packages, of this mirror where one is named; undefined where it cannot. */
  base(tag: string, mirror?: string): Command | undefined;
  /** Checks all Dockerfiles of a folder; undefined where it cannot. */
  lint?(folder: string): Command;
  /** Builds cold, once with a lock file being written, once from one alone; undefined where it cannot. */
  lock?(context: string, how: 'record' | 'replay' | 'neither'): Command;
  /** Moving images; undefined where it cannot. */
  readonly images?: ImageCommands;
  /** Forgets images and everything that their builds left in caches. */
  forget(...tags: readonly string[]): void;
}

/** What workloads work with. */
export interface Bench {
  /** Folder for build contexts. */
  readonly contexts: string;
  /** Folder on the store's file system, for the limits. */
  readonly scratch: string;
  /** An OCI bundle of the busybox image that runs `true` without a network. */
  readonly bundle: string;
  /** Where the lab keeps archives of images. */
  readonly images: string;
  readonly contenders: readonly Contender[];
}

/** One row of the table. */
export interface Row {
  readonly name: string;
  readonly title: string;
  /** Runs that are not counted, then runs that are. */
  readonly warmups: number;
  readonly rounds: number;
  /** What the same work costs without any of the contenders. */
  readonly limit?: Command;
  readonly limitTitle?: string;
  /** How much more than the limit shale may take. */
  readonly goal: string;
  /** Not measured: brings a contender (or the limit) to where the run begins. */
  prepare?(contender: Contender | 'limit'): void;
  /** undefined where the contender cannot do it. */
  command(contender: Contender): Command | undefined;
  /** Not measured: takes away what `prepare` made, after the last round. */
  finish?(contender: Contender): void;
}

/** Rows that share a context, in the order in which they are run. */
export interface Workload {
  readonly name: string;
  rows(bench: Bench): readonly Row[];
}

/** A program of `bench/limits`. */
export function limitProgram(name: string, ...args: readonly string[]): Command {
  return {
    args: [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      `${import.meta.dirname}/limits/${name}.ts`,
      ...args,
    ],
  };
}
