import {
  applyFixes,
  lintDockerfile,
  parseDockerfile,
  type LintFinding,
  type LintOptions,
  type TextEdit,
} from '../dockerfile/index.ts';

/** `safe`: fixes that change nothing that a program in the image can see; `unsafe`: the others too. */
export type FixLevel = 'safe' | 'unsafe';

/** A file with its fixes made. */
export interface FixedFile {
  readonly text: string;
  /** What was mended, in the order in which it was. */
  readonly mended: readonly LintFinding[];
}

/** Fixes that get in each other's way are made one after the other; more rounds than this nobody needs. */
const ROUNDS_MAX = 10;

/**
 * Makes the fixes of a file, again and again until there is nothing left to mend. Every byte that no fix is about stays. A
 * fix with which the file could not be read as before is left out.
 */
export async function fixFile(
  text: string,
  level: FixLevel,
  options: LintOptions,
  name = 'Dockerfile',
): Promise<FixedFile> {
  const mended: LintFinding[] = [];
  let current = text;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const dockerfile = parseDockerfile(current, name);
    const { findings } = await lintDockerfile(dockerfile, options);
    const offered = findings.flatMap((finding) => {
      const edits = editsFor(finding, level);
      return edits === undefined ? [] : [{ finding, edits }];
    });
    const { text: next, taken } = applyFixes(current, offered);
    if (next === current) break;
    const errors = dockerfile.diagnostics.filter(({ severity }) => severity === 'error').length;
    const after = parseDockerfile(next, name).diagnostics.filter(({ severity }) => severity === 'error').length;
    if (after > errors) break;
    mended.push(...taken.map(({ finding }) => finding));
    current = next;
  }
  return { text: current, mended };
}

function editsFor({ fix }: LintFinding, level: FixLevel): readonly TextEdit[] | undefined {
  if (fix === undefined || fix.edits.length === 0) return undefined;
  return fix.safety === 'safe' || level === 'unsafe' ? fix.edits : undefined;
}
