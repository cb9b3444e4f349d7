import type { ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { PruneReport, PruneRequest } from '../../engine/index.ts';
import { humanSize } from '../output/human.ts';
import { confirm } from './confirm.ts';

/** What every form of `prune` does: ask, remove, tell. */
export async function prune(
  context: Context,
  { flags }: ParsedArguments,
  request: PruneRequest,
  question: string,
): Promise<void> {
  if (!flags.boolean('force')) await confirm(context, question);
  const engine = await context.engine();
  const report = await engine.prune(request, { signal: context.signal });
  await context.stdout.write(formatPrune(report));
}

export function formatPrune(report: PruneReport): string {
  const lines = report.removed.map((one) => `deleted ${one.kind}: ${one.name}\n`);
  return `${lines.join('')}Total reclaimed space: ${humanSize(report.reclaimedBytes, 4)}\n`;
}
