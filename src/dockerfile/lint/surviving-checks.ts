import { checkDockerfile } from '../frontend/check.ts';
import { UNSEEN_BASES } from '../frontend/unseen-bases.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import { parseDockerfile, type Dockerfile } from '../syntax/dockerfile.ts';
import type { Span } from '../syntax/source.ts';
import type { Finding } from './build-checks/check.ts';

/** Every check speaks, whatever the file's directive says: whoever asks has ignores of his own. */
const ALL_CHECKS = { BUILDKIT_DOCKERFILE_CHECK: 'experimental=all' };
/** Instructions that are taken out of a file because they cannot be built, before the rest is given up. */
const ERRORS_MAX = 20;

export interface SurvivingChecks {
  readonly findings: readonly Finding[];
  /** Why the file cannot be built; each instruction that is at fault once. */
  readonly errors: readonly Diagnostic[];
}

/**
 * The build checks of a file as it is written. Where BuildKit would end at an error, the instruction at fault is blanked out
 * (so that all places stay) and the rest is checked all the same.
 */
export async function survivingChecks(
  dockerfile: Dockerfile,
  ignorePatterns?: readonly string[],
): Promise<SurvivingChecks> {
  const errors: Diagnostic[] = [];
  const lost: Finding[] = [];
  const options = { buildArgs: ALL_CHECKS, ...(ignorePatterns === undefined ? {} : { ignorePatterns }) };
  for (let current = dockerfile; ;) {
    const { findings, error } = await checkDockerfile({ dockerfile: current, ...UNSEEN_BASES, ...options });
    if (error === undefined) return { findings: [...lost, ...findings], errors };
    errors.push(error);
    const fault = linesAtFault(current, error);
    const blanked = withoutLines(current, fault);
    if (blanked === current.source.text || errors.length === ERRORS_MAX) {
      return { findings: [...lost, ...findings], errors };
    }
    lost.push(...findings.filter(({ span }) => fault.start <= span.start && span.start < fault.end));
    current = parseDockerfile(blanked, dockerfile.source.name);
  }
}

/** The lines of the instruction at which an error is told. */
function linesAtFault({ source, nodes }: Dockerfile, { start, end }: Diagnostic): Span {
  const node = nodes.find(({ firstLine, lastLine }) => firstLine <= start.line && start.line <= lastLine);
  return {
    start: source.lineStarts[(node?.firstLine ?? start.line) - 1] ?? 0,
    end: source.lineStarts[node?.lastLine ?? end.line] ?? source.text.length,
  };
}

/** The text with blanks for these lines; of a FROM a stage stays. */
function withoutLines({ source: { text } }: Dockerfile, { start, end }: Span): string {
  const lines = text.slice(start, end);
  const blank = lines.replace(/[^\r\n]/g, ' ');
  const stands = /^from\s/i.test(lines) && /^ {6}/.test(blank) ? `FROM a${blank.slice(6)}` : blank;
  return text.slice(0, start) + stands + text.slice(end);
}
