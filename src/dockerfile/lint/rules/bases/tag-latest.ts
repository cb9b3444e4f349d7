import { imagePin } from '../../pin.ts';
import type { LintRule } from '../../rule.ts';

export const tagLatest: LintRule = {
  id: 'tag-latest',
  aliases: ['DL3007', 'DS-0001', 'CKV_DOCKER_7'],
  topic: 'bases',
  severity: 'warning',
  title: 'FROM does not name the tag latest',
  why: '`latest` moves with every release, across major versions too. A build that worked yesterday fails today, or works with another program in it.',
  bad: 'FROM debian:latest\nRUN make',
  good: 'FROM debian:12\nRUN make',
  fix: 'pin',
  *check(file) {
    for (const { from, base, baseText } of file.stages) {
      if (from === undefined || base !== undefined || !baseText.endsWith(':latest')) continue;
      yield {
        message: `${baseText} is whatever was pushed last`,
        span: from.base,
        ...imagePin(from.base, baseText, ''),
      };
    }
  },
};
