import { parseDockerfile } from '../syntax/dockerfile.ts';
import { dumpSyntax } from '../syntax/dump.ts';
import { checkDockerfile } from './check.ts';
import { UNSEEN_BASES } from './unseen-bases.ts';

/** What can be said of a Dockerfile without its context and base images: as JSON, for editors and for comparing parsers. */
export interface DockerfileDescription {
  /** The escape character; absent, as what follows, when the text cannot be read at all. */
  readonly escape?: string;
  /** The syntax tree as S-expressions, one instruction a line. */
  readonly dump?: string;
  /** First and last line of each instruction, counted from 1. */
  readonly lines?: readonly (readonly [number, number])[];
  /** Absent when an instruction cannot be read. */
  readonly stages?: readonly {
    readonly name: string;
    readonly base: string;
    readonly platform: string;
    readonly commands: number;
  }[];
  /** What the build checks find, up to the error if there is one. */
  readonly checks: readonly {
    readonly rule: string;
    readonly message: string;
    readonly lines: readonly (readonly [number, number])[];
  }[];
  /** Why it cannot be built. */
  readonly error?: {
    readonly phase: 'parse' | 'instructions' | 'plan';
    readonly message: string;
    /** Counted from 1; the column in UTF-16 units. */
    readonly line: number;
    readonly column: number;
  };
}

/**
 * Describes a Dockerfile as it is written: every base image is taken for one that says nothing but a PATH, the platform
 * for linux/amd64, and no build argument is given. Never throws for what the file holds.
 */
export async function describeDockerfile(content: string | Uint8Array): Promise<DockerfileDescription> {
  const dockerfile = parseDockerfile(content);
  const report = await checkDockerfile({ dockerfile, ...UNSEEN_BASES });
  const { error } = report;
  const checks = report.findings.map(({ rule, message, firstLine, lastLine }) => ({
    rule,
    message,
    lines: linesBetween(firstLine, lastLine),
  }));
  const fault = error && { phase: error.phase, message: error.message, ...error.start };
  if (fault?.phase === 'parse') return { checks, error: fault };
  return {
    escape: dockerfile.escape,
    dump: dumpSyntax(dockerfile.nodes).trimEnd(),
    lines: dockerfile.nodes.map(({ firstLine, lastLine }) => [firstLine, lastLine]),
    ...(fault?.phase === 'instructions' ? {} : { stages: stagesOf(dockerfile) }),
    checks,
    ...(fault === undefined ? {} : { error: fault }),
  };
}

function stagesOf({ stages }: ReturnType<typeof parseDockerfile>): NonNullable<DockerfileDescription['stages']> {
  return stages.map(({ from, commands }) => ({
    name: from.name,
    base: from.base.text,
    platform: from.platform?.text ?? '',
    commands: commands.length,
  }));
}

/** A range for each line, as the reference has them. */
function linesBetween(first: number, last: number): (readonly [number, number])[] {
  return Array.from({ length: last - first + 1 }, (_, i) => [first + i, first + i] as const);
}
