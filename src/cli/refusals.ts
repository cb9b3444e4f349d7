/** Commands of docker that shale does not have, with why and what to do instead. */
export interface RefusedCommand {
  /** Completes "NAME: ". */
  readonly why: string;
  readonly instead?: string;
}

const NO_DAEMON = 'there is no daemon, so there is none to talk to';
const NO_ORCHESTRATION = 'shale runs containers on this machine only';
const NOT_THERE = 'shale does not have this command';

const REFUSED: ReadonlyMap<string, RefusedCommand> = new Map<string, RefusedCommand>([
  ['context', { why: NO_DAEMON, instead: 'SHALE_HOME=/other/store shale …' }],
  [
    'buildx history',
    { why: 'of builds there are lists, reports and logs', instead: 'shale builds ls, show, logs or rm' },
  ],
  ['compose', { why: NO_ORCHESTRATION, instead: 'shale bake builds the images of a compose file' }],
  ['swarm', { why: NO_ORCHESTRATION }],
  ['service', { why: NO_ORCHESTRATION }],
  ['stack', { why: NO_ORCHESTRATION }],
  ['node', { why: NO_ORCHESTRATION }],
  ['secret', { why: NO_ORCHESTRATION }],
  ['plugin', { why: 'shale has no plugins' }],
  ['trust', { why: 'shale does not sign images' }],
  ['scout', { why: NOT_THERE }],
]);

/** The refusal of `words`, the first of which may be docker's noun form (`container start`). */
export function refusedCommand(words: readonly string[]): (RefusedCommand & { readonly name: string }) | undefined {
  const [first = '', second = ''] = words;
  const verb = ['container', 'image', 'buildx'].includes(first) ? second : first;
  for (const name of [`${first} ${second}`, verb]) {
    const found = REFUSED.get(name);
    if (found !== undefined) return { name, ...found };
  }
  return undefined;
}
