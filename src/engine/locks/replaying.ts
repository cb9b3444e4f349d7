import { ShaleError } from '../../base/index.ts';
import type { StepTraffic } from '../../build/index.ts';
import { Gate, makeAuthority, Replayer, StepAnswers } from '../../lock/index.ts';
import { walledNetwork } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import type { FoundLock } from './lock-place.ts';
import { secretTexts } from './secret-texts.ts';

/** Lines of an account that are shown; the rest is counted. */
const ACCOUNT_LINES_MAX = 30;

/** The network of `build --locked`: it gives what the lock holds, and nothing else. */
export function replayingTraffic(store: Store, { lock, name }: FoundLock): StepTraffic {
  const authority = makeAuthority();
  return {
    inputsOf: (step) => [['locked', new StepAnswers(lock, step).identity]],
    async open(step, { secrets, tell }) {
      const answers = new StepAnswers(lock, step);
      const texts = secretTexts(secrets);
      const replayer = new Replayer({
        answers,
        openBody: (digest) => store.blobs.stream(digest),
        secrets: () => texts,
        tell,
      });
      const problem = (cause?: unknown): ShaleError | undefined => {
        if (replayer.damage !== undefined) return damaged(replayer.damage, cause);
        const gone = cause === undefined ? answers.unasked().filter((one) => one.package !== undefined) : [];
        const account = [
          ...replayer.strange.map((what) => `  new: ${what}`),
          ...gone.map((one) => `  gone: ${one.package ?? ''} ${one.version ?? ''}: ${one.method} ${one.url}`),
        ];
        return account.length === 0 ? undefined : drifted(name, step.step, account, cause);
      };
      return {
        network: walledNetwork(new Gate(authority, replayer)),
        authority: authority.certificate,
        async succeed() {
          const found = problem();
          if (found !== undefined) throw found;
        },
        blame: (error) => problem(error) ?? error,
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

function drifted(name: string, step: string, account: readonly string[], cause: unknown): ShaleError {
  const [line = ''] = step.split('\n');
  const more = account.length - ACCOUNT_LINES_MAX;
  const shown = [...account.slice(0, ACCOUNT_LINES_MAX), ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
  return new ShaleError('LOCK_DRIFT', `the step does not ask for what ${name} holds: ${line}\n${shown}`, {
    data: { step, account },
    hint: 'shale lock update writes down what it fetches now',
    // The step's own failure follows from this one.
    ...(cause !== undefined && { cause }),
  });
}

function damaged(what: string, cause: unknown): ShaleError {
  return new ShaleError('LOCK_DAMAGED', `what the store holds for the lock file is damaged: ${what}`, {
    hint: 'shale lock fetch brings it again',
    ...(cause !== undefined && { cause }),
  });
}
