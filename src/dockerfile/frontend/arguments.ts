import { formatPlatform, type Platform } from '../../oci/index.ts';
import type { ArgInstruction } from '../syntax/instructions.ts';
import { expandAt } from './expand.ts';
import { Environment } from './environment.ts';
import type { ArgTrace } from './trace.ts';

export type BuildArgs = Readonly<Record<string, string>>;

/** Build arguments that change nothing unless declared, and need no declaration: proxies, in both cases. */
const PROXY_NAMES: readonly string[] = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];
/** Arguments for the builder, not for the build's processes. */
const BUILDER_ARGS: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** Own properties only: a build argument may be called `constructor`. */
export function buildArg(args: BuildArgs, name: string): string | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined;
}

/** The arguments that every Dockerfile has: platforms and the target's name. */
export function platformArgs(build: Platform, target: Platform, targetStage: string, args: BuildArgs): Environment {
  const values: readonly (readonly [string, string])[] = [
    ['BUILDPLATFORM', formatPlatform(build)],
    ['BUILDOS', build.os],
    ['BUILDOSVERSION', build.osVersion ?? ''],
    ['BUILDARCH', build.architecture],
    ['BUILDVARIANT', build.variant ?? ''],
    ['TARGETPLATFORM', formatPlatform(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', target.osVersion ?? ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant ?? ''],
    ['TARGETSTAGE', targetStage],
  ];
  return new Environment(values.map(([name, value]) => [name, buildArg(args, name) ?? value]));
}

/**
 * Adds the ARG instructions before the first FROM; gives each as it was met.
 * @throws Refusal
 */
export function addGlobalArgs(
  globals: Environment,
  instructions: readonly ArgInstruction[],
  args: BuildArgs,
  escape: string,
): ArgTrace[] {
  return instructions.flatMap(({ node, args: all }) =>
    all.map(({ name, value, word }) => {
      const given = buildArg(args, name);
      const isOwn = given === undefined && value !== undefined;
      const expansion = isOwn ? expandAt(value, globals.lookup, { escape }, word) : undefined;
      const result = given ?? expansion?.text;
      if (result !== undefined) globals.set(name, result);
      return { name, value: result, isInherited: false, uses: expansion?.matched ?? new Set(), node };
    }),
  );
}

/** True for arguments that reach no environment even when declared. */
export function isBuilderArg(name: string): boolean {
  return BUILDER_ARGS.has(name);
}

/** Arguments for the builder in a stage: as an ARG of it has them, else the command line, else an ARG before the first FROM. */
export function builderArgsOf(
  { state }: { readonly state?: { readonly buildArgs: ReadonlyMap<string, string | undefined> } },
  planning: { readonly options: { readonly buildArgs?: BuildArgs }; readonly globals: Environment },
): Readonly<Record<string, string>> {
  const values = Array.from(BUILDER_ARGS, (name): [string, string | undefined] => [
    name,
    state?.buildArgs.get(name) ?? buildArg(planning.options.buildArgs ?? {}, name) ?? planning.globals.get(name),
  ]);
  return Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** True for arguments that may be given without any ARG. */
export function isPredefinedArg(name: string): boolean {
  return (
    PROXY_NAMES.includes(name.toLowerCase()) ||
    name === 'SOURCE_DATE_EPOCH' ||
    name.startsWith('BUILDKIT_') ||
    /^(?:BUILD|TARGET)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$|^TARGETSTAGE$/.test(name)
  );
}

/** The proxies among the build arguments, under both spellings, as processes read them. */
export function proxyEnvironment(args: BuildArgs): string[] {
  const values = new Map<string, string>();
  for (const name of Object.keys(args).toSorted()) {
    if (PROXY_NAMES.includes(name.toLowerCase())) values.set(name.toLowerCase(), args[name] ?? '');
  }
  return Array.from(values).flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name}=${value}`]);
}
