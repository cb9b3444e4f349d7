import { createHash } from 'node:crypto';
import { formatStep, type LockedAnswer, type LockedStep, type LockFile } from './lock-file.ts';

/** What identifies a request. */
export type Request = Pick<LockedAnswer, 'method' | 'url' | 'range' | 'body'>;

/** What identifies a RUN. */
export type StepIdentity = Pick<LockedStep, 'step' | 'platform' | 'place'>;

/** What one run of a step is answered with: docs/formats/lock-file.md, "Answering". */
export class StepAnswers {
  /** False where the lock does not know the step, and it is answered from all steps. */
  readonly isKnown: boolean;
  /** sha256 over all that may be answered; an input of the step's keys. */
  readonly identity: string;
  readonly #answers = new Map<string, LockedAnswer[]>();
  readonly #given = new Map<string, number>();
  readonly #unresolved: ReadonlySet<string>;

  constructor(lock: LockFile, step: StepIdentity) {
    const found = findStep(lock, step);
    const steps = found === undefined ? lock.steps : [found];
    this.isKnown = found !== undefined;
    const hash = createHash('sha256');
    for (const one of steps) hash.update(formatStep(one));
    this.identity = hash.digest('hex');
    this.#unresolved = new Set(steps.flatMap(({ unresolved }) => unresolved));
    for (const answer of steps.flatMap(({ fetched }) => fetched)) {
      const key = requestKey(answer);
      const known = this.#answers.get(key);
      if (known === undefined) this.#answers.set(key, [answer]);
      else known.push(answer);
    }
  }

  /** The next answer to a request, the last one again when all were given; undefined for what was never asked. */
  take(request: Request): LockedAnswer | undefined {
    const key = requestKey(request);
    const given = this.#given.get(key) ?? 0;
    this.#given.set(key, given + 1);
    const answers = this.#answers.get(key) ?? [];
    return answers[Math.min(given, answers.length - 1)];
  }

  isUnresolved(name: string): boolean {
    return this.#unresolved.has(name);
  }

  /** What the step asked for when it was recorded and has not asked for now; nothing for an unknown step. */
  unasked(): LockedAnswer[] {
    if (!this.isKnown) return [];
    return Array.from(this.#answers).flatMap(([key, answers]) => (this.#given.has(key) ? [] : answers.slice(0, 1)));
  }
}

export function requestKey({ method, url, range, body }: Request): string {
  return JSON.stringify([method, url, range ?? null, body ?? null]);
}

function findStep({ steps }: LockFile, wanted: StepIdentity): LockedStep | undefined {
  const same = steps.filter(({ step, platform }) => step === wanted.step && platform === wanted.platform);
  return same.find(({ place }) => place === wanted.place) ?? same[0];
}
