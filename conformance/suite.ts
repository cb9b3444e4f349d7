/** One thing that must come out as the reference says. */
export interface ConformanceCase {
  readonly name: string;
  /** Throws when it does not. */
  run(): Promise<void> | void;
}

export interface OpenSuite extends AsyncDisposable {
  readonly cases: readonly ConformanceCase[];
}

/** A set of cases with one source of answers. */
export interface Suite {
  readonly name: string;
  /** Where its answers come from, for people. */
  readonly about: string;
  /** Why it cannot run here; false when it can. */
  readonly missing: string | false;
  /** Cases that may run at the same time; 1 when absent. */
  readonly concurrency?: number;
  open(): Promise<OpenSuite>;
}

/** A case in which shale answers otherwise on purpose, or cannot answer yet. */
export interface Exception {
  readonly suite: string;
  readonly case: string;
  /** As it stands in docs/compatibility/conformance.md. */
  readonly reason: string;
  /** How it differs: what the failure says. */
  readonly fails: RegExp;
}

export interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly why: string }[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** Runs a suite to its end. An exception must fail, and fail as it says: one that has become equal is a failure too. */
export async function runSuite(suite: Suite, exceptions: readonly Exception[]): Promise<SuiteResult> {
  if (suite.missing !== false) {
    return { name: suite.name, passed: 0, failed: [], skipped: [{ name: suite.name, why: suite.missing }] };
  }
  const excepted = new Map(exceptions.filter((one) => one.suite === suite.name).map((one) => [one.case, one]));
  await using open = await suite.open();
  const failed: { name: string; why: string }[] = [];
  const skipped: { name: string; why: string }[] = [];
  let passed = 0;
  const queue = [...open.cases];
  const work = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const why = await failureOf(one);
      const exception = excepted.get(one.name);
      excepted.delete(one.name);
      if (exception === undefined) {
        if (why === undefined) passed++;
        else failed.push({ name: one.name, why });
      } else if (why !== undefined && exception.fails.test(why))
        skipped.push({ name: one.name, why: exception.reason });
      else failed.push({ name: one.name, why: why ?? 'it is an exception, and is equal now' });
    }
  };
  await Promise.all(Array.from({ length: suite.concurrency ?? 1 }, work));
  for (const name of excepted.keys()) failed.push({ name, why: 'it is an exception, and there is no such case' });
  return { name: suite.name, passed, failed, skipped };
}

async function failureOf(one: ConformanceCase): Promise<string | undefined> {
  try {
    await one.run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `parser: 37 passed, 0 failed, 0 skipped`, below what failed and why something was skipped. */
export function formatResult({ name, passed, failed, skipped }: SuiteResult): string {
  const reasons = skipped.map((one) => `skipped ${name}/${one.name}: ${one.why}\n`);
  const failures = failed.map((one) => `FAILED ${name}/${one.name}: ${one.why}\n`);
  const count = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  return `${reasons.join('')}${failures.join('')}${name}: ${count}\n`;
}

/** A suite whose cases need nothing opened. */
export function plainSuite(
  suite: Pick<Suite, 'name' | 'about' | 'missing'>,
  cases: () => readonly ConformanceCase[],
): Suite {
  return { ...suite, open: () => Promise.resolve({ cases: cases(), [Symbol.asyncDispose]: () => Promise.resolve() }) };
}
