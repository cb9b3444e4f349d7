import { deletedFlag } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const fromPlatformConst: LintRule = {
  id: 'from-platform-const',
  aliases: ['FromPlatformFlagConstDisallowed', 'DL3029'],
  topic: 'bases',
  severity: 'warning',
  title: 'FROM --platform names no fixed platform',
  why: 'With a constant the stage is for that platform whatever is asked for, so that `--platform linux/arm64` gives an image that does not start there. `$BUILDPLATFORM` is for stages that cross-compile.',
  bad: 'FROM --platform=linux/amd64 debian:12\nRUN make',
  good: 'FROM debian:12\nRUN make',
  fix: 'unsafe',
  changes: 'The image is for the platform that is asked for.',
  *check(file) {
    for (const { from, name } of file.stages) {
      const flag = from?.platform;
      if (flag === undefined || flag.text.includes('$')) continue;
      const [os = '', architecture = '-'] = flag.text.split('/');
      if (name.split(/[-_.]/).includes(architecture) || name === os) continue;
      const fix: Fix = {
        title: 'take the flag out',
        safety: 'unsafe',
        effect: 'files',
        edits: [deletedFlag(file, flag)],
      };
      yield { message: `the stage is for ${flag.text} whatever platform is asked for`, span: flag, fix };
    }
  },
};
