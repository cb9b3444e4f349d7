import type { Context } from '../context.ts';
import type { FailedStep } from '../../engine/index.ts';
import { displayLine } from '../output/text-width.ts';
import { openProgress, type Progress } from '../progress/open.ts';
import { reportError } from '../report-error.ts';
import { UsageError } from '../usage-error.ts';

const CHOICES = {
  after: { key: 'a', says: 'a shell in what the command left behind' },
  before: { key: 'b', says: 'a shell in what the step began with' },
} as const;

/**
 * Progress that stops at a step which failed and lets people look into it (`--on-error shell`): it draws the last state with
 * the step's log, and asks until they have seen enough. The build ends then.
 * @throws USAGE when there is no terminal
 */
export function openProgressWithShell(context: Context, kind: string): Progress {
  if (!context.stdin.isTerminal || !context.stdout.isTerminal)
    throw new UsageError(
      '--on-error shell needs a terminal, and standard input or output is none',
      'shale run BUILD:STEP COMMAND looks into the state before a step that failed',
    );
  const progress = openProgress(context, kind);
  const onFailedStep = async (step: FailedStep): Promise<void> => {
    const { id, message } = step;
    progress.watch.progress?.({ kind: 'vertex-error', id, message, time: context.now() });
    await progress.close();
    await askAbout(context, step);
  };
  return { ...progress, watch: { ...progress.watch, onFailedStep } };
}

async function askAbout(context: Context, step: FailedStep): Promise<void> {
  const { stdin, stderr, stdout, signal } = context;
  const choices = step.states.map((state) => ({ state, ...CHOICES[state] }));
  const menu = choices.map(({ key, says }) => `  ${key}  ${says}\n`).join('');
  await stderr.write(`failed: ${displayLine(step.name)}\n        ${displayLine(step.message)}\n`);
  const stays = step.cacheMounts.length === 0 ? '' : `, except in the cache mount ${step.cacheMounts.join(', ')}`;
  await stderr.write(
    `What you change in a shell is thrown away when the build ends${stays}.\n${menu}  q  end the build\n`,
  );
  for (;;) {
    await stderr.write(`[${[...choices.map(({ key }) => key), 'q'].join('/')}] `);
    const line = await stdin.line(signal);
    const answer = line?.trim().toLowerCase();
    if (answer === undefined || answer === 'q' || answer === 'quit') return;
    const chosen = choices.find(({ key, state }) => answer === key || answer === state);
    if (chosen === undefined) continue;
    try {
      await step.shell(chosen.state, stdout.size());
    } catch (error) {
      if (signal.aborted) return;
      await stderr.write(reportError(error, { debug: context.debug, colors: stderr.colors }));
    }
  }
}
