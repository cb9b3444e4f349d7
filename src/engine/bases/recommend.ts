import type { ApplicationFacts, BaseComparison, BaseFacts, Recommendation } from './compare-types.ts';

/** Sizes that are nearer than this do not decide. */
const SIZE_RATIO_MIN = 1.05;

/**
 * Which of two bases to take, and why. What does not work decides first, then the end of support, then size; the rest is
 * told. Nothing is recommended where none of these tells the two apart.
 */
export function recommend({ images, applications }: Omit<BaseComparison, 'recommendation'>): Recommendation {
  const reasons: string[] = [];
  const [a, b] = images;
  const broken = [defectOf(a, applications?.[0]), defectOf(b, applications?.[1])] as const;
  for (const defect of broken) if (defect !== undefined) reasons.push(defect);
  const overs = images.filter(({ support }) => support.kind === 'until' && support.isOver);
  for (const { name, support } of overs)
    if (support.kind === 'until') reasons.push(`${name} has had no security updates since ${support.date}`);
  const [sizeA, sizeB] = [compressed(a, applications?.[0]), compressed(b, applications?.[1])];
  const smaller = sizeA <= sizeB ? 0 : 1;
  const ratio = Math.max(sizeA, sizeB) / Math.max(1, Math.min(sizeA, sizeB));
  const isClear = ratio >= SIZE_RATIO_MIN;
  if (isClear)
    reasons.push(
      `${images[smaller].name} is ${ratio.toFixed(1)} times smaller to download${applications === undefined ? '' : ' with the application'}`,
    );
  reasons.push(...differencesOf(a, b));
  const choice = firstDecision([
    one(broken[0] === undefined, broken[1] === undefined),
    one(!overs.includes(a), !overs.includes(b)),
    isClear ? smaller : undefined,
  ]);
  return { ...(choice !== undefined && { choice }), reasons };
}

function one(isA: boolean, isB: boolean): 0 | 1 | undefined {
  return isA === isB ? undefined : isA ? 0 : 1;
}

function firstDecision(decisions: readonly (0 | 1 | undefined)[]): 0 | 1 | undefined {
  return decisions.find((each) => each !== undefined);
}

function compressed(base: BaseFacts, application: ApplicationFacts | undefined): number {
  return application?.kind === 'built' ? application.compressedBytes : base.compressedBytes;
}

/** What does not work on a base. */
function defectOf({ name, programs }: BaseFacts, application: ApplicationFacts | undefined): string | undefined {
  if (application?.kind === 'failed') return `the application cannot be built on ${name}: ${application.message}`;
  const problems = application?.kind === 'built' ? application.problems : programs.problems;
  const [first] = problems;
  if (first === undefined) return undefined;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return `on ${name}, ${first.path} misses ${first.missing}${more}`;
}

/** What tells the two apart without deciding. */
function differencesOf(a: BaseFacts, b: BaseFacts): string[] {
  const found: string[] = [];
  if (a.libc.kind !== b.libc.kind)
    found.push(
      `${a.name} has ${libcText(a)}, ${b.name} ${libcText(b)}: what was built for one does not run on the other`,
    );
  const [fewer, more] = a.setuid.length <= b.setuid.length ? [a, b] : [b, a];
  if (more.setuid.length > fewer.setuid.length)
    found.push(`${fewer.name} has ${fewer.setuid.length} setuid files, ${more.name} ${more.setuid.length}`);
  if (a.hasShell !== b.hasShell) found.push(`${(a.hasShell ? b : a).name} has no shell`);
  return found;
}

function libcText({ libc }: BaseFacts): string {
  if (libc.kind === 'none') return 'no C library';
  return libc.version === undefined ? libc.kind : `${libc.kind} ${libc.version}`;
}
