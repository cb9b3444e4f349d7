import type { RunHow } from '../../engine/index.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

const STREAMS = ['stdin', 'stdout', 'stderr'] as const;
type Stream = (typeof STREAMS)[number];

/** Outputs that `-a` names; both where there is no `-a`. @throws USAGE */
export function outputsOf(flags: ParsedFlags): Pick<RunHow, 'outputs'> {
  const streams = streamsOf(flags);
  if (streams === undefined) return {};
  if (flags.boolean('detach')) throw new UsageError('conflicting options: cannot specify both --attach and --detach');
  const outputs = (['stdout', 'stderr'] as const).filter((name) => streams.includes(name));
  if (outputs.length > 0) return { outputs };
  throw new UsageError('--attach stdin alone leaves the output to nobody', 'shale run -d -i, then shale attach');
}

/** Whether input is passed on: asked for by `-i`, and not left out of `-a`. @throws USAGE */
export function passesInput(flags: ParsedFlags): boolean {
  return flags.boolean('interactive') && streamsOf(flags)?.includes('stdin') !== false;
}

function streamsOf(flags: ParsedFlags): readonly Stream[] | undefined {
  if (!flags.given('attach')) return undefined;
  return flags.list('attach').map((word) => {
    const stream = STREAMS.find((name) => name === word.toLowerCase());
    if (stream === undefined) throw new UsageError(`--attach ${JSON.stringify(word)} is no stream`, STREAMS.join(', '));
    return stream;
  });
}
