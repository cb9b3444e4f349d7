import { imagePin } from '../../pin.ts';
import type { LintRule } from '../../rule.ts';

export const digestPin: LintRule = {
  id: 'digest-pin',
  aliases: [],
  topic: 'bases',
  severity: 'info',
  isOptional: true,
  title: 'FROM names a digest beside the tag',
  why: 'A tag can be moved, a digest cannot. `debian:12@sha256:…` is the same bytes for everybody, and the tag beside it still says to people and update tools what it is.',
  bad: 'FROM debian:12\nRUN make',
  good: 'FROM debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000\nRUN make',
  fix: 'pin',
  *check(file) {
    for (const { from, base, baseText } of file.stages) {
      if (from === undefined || base !== undefined || baseText.toLowerCase() === 'scratch' || /[$@]/.test(baseText))
        continue;
      if (!/:[^/]*$/.test(baseText)) continue;
      yield {
        message: `${baseText} can be moved to another image`,
        span: from.base,
        ...imagePin(from.base, baseText, ''),
      };
    }
  },
};
