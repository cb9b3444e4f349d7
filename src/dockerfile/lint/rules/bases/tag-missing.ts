import { imagePin } from '../../pin.ts';
import type { LintRule } from '../../rule.ts';

export const tagMissing: LintRule = {
  id: 'tag-missing',
  aliases: ['DL3006'],
  topic: 'bases',
  severity: 'warning',
  title: 'FROM names a tag or a digest',
  why: 'An image without a tag is `latest`: whatever was pushed last. The same file then gives another image next month, and an old one cannot be built again.',
  bad: 'FROM debian\nRUN make',
  good: 'FROM debian:12\nRUN make',
  fix: 'pin',
  *check(file) {
    for (const { from, base, baseText } of file.stages) {
      if (from === undefined || base !== undefined || baseText.toLowerCase() === 'scratch' || /[$@]/.test(baseText))
        continue;
      if (/:[^/]*$/.test(baseText) || baseText === '') continue;
      yield {
        message: `${baseText} has no tag: it is whatever was pushed last`,
        span: from.base,
        ...imagePin(from.base, baseText, ':latest'),
      };
    }
  },
};
