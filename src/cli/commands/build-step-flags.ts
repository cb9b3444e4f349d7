import type { BuildRequest } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import { parseSecret, parseSsh } from '../options/secrets.ts';
import type { ParsedFlags } from '../parse-flags.ts';

/** Flags of `build` that say what its RUN steps are given. */
export const STEP_FLAGS: readonly Flag[] = [
  {
    kind: 'list',
    name: 'secret',
    value: 'id=ID,src=FILE',
    summary: 'give RUN --mount=type=secret a file, or with env=NAME a variable',
  },
  {
    kind: 'list',
    name: 'ssh',
    value: 'ID[=SOCKET|KEY[,KEY]]',
    summary: 'let RUN --mount=type=ssh use your agent ("default"), or these keys and no others',
  },
];

/**
 * What a request says of them.
 * @throws USAGE
 */
export function stepOptions(context: Context, flags: ParsedFlags): Pick<BuildRequest, 'secrets' | 'ssh'> {
  const secrets = flags.list('secret').map((word) => parseSecret(word, context));
  const ssh = flags.list('ssh').map((word) => parseSsh(word, context));
  return { ...(secrets.length > 0 && { secrets }), ...(ssh.length > 0 && { ssh }) };
}
