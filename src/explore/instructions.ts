import type { ExplorationParts, HistoryPart } from './parts.ts';
import type { ExploredInstruction } from './types.ts';

/** Words that instructions begin with, as histories spell them. */
const KEYWORD =
  /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)(?=\s|$)/i;

/** The history as instructions, each with the layer that it made. */
export function instructionsOf({ history, layers, image, build, lines }: ExplorationParts): ExploredInstruction[] {
  let next = 0;
  const found: ExploredInstruction[] = [];
  for (const [number, entry] of history.entries()) {
    const layer = entry.isEmptyLayer || next >= layers.length ? undefined : next++;
    const step = layer === undefined ? undefined : build?.steps.find((one) => one.layer === layer)?.number;
    found.push({
      number,
      ...readCreatedBy(entry),
      createdBy: entry.createdBy,
      comment: entry.comment,
      created: entry.created,
      layer,
      step,
      line: lines.get(number),
      base: undefined,
    });
  }
  // What stands before the last instruction of a base belongs to it too.
  const ends = image.bases.map(({ layers: count }) =>
    count === 0 ? -1 : found.findLastIndex((one) => one.layer !== undefined && one.layer < count),
  );
  return found.map((one, number) => {
    const base = ends.findIndex((end) => number <= end);
    return base < 0 ? one : { ...one, base };
  });
}

/**
 * What people wrote: BuildKit adds `# buildkit`, the classic builder puts `/bin/sh -c #(nop)` before what runs nothing and
 * `/bin/sh -c` before RUN, with `|1 NAME=value` for arguments.
 */
export function readCreatedBy({ createdBy }: Pick<HistoryPart, 'createdBy'>): { keyword: string; text: string } {
  let text = createdBy.replace(/\s*#\s*buildkit\s*$/, '').trim();
  const quiet = /^(?:\|\d+\s[\s\S]*?)?\/bin\/sh -c #\(nop\)\s+/.exec(text);
  if (quiet !== null) text = text.slice(quiet[0].length);
  const keyword = KEYWORD.exec(text)?.[1]?.toUpperCase();
  if (keyword === 'RUN') text = `RUN ${text.slice(4).replace(/^(?:\|\d+\s[\s\S]*?)?\/bin\/sh -c\s+/, '')}`;
  else if (keyword === undefined && quiet === null) {
    const shell = /^(?:\|\d+\s[\s\S]*?)?\/bin\/sh -c\s+/.exec(text);
    if (shell !== null) return { keyword: 'RUN', text: oneLine(`RUN ${text.slice(shell[0].length)}`) };
  }
  return { keyword: keyword ?? '', text: oneLine(text) };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
