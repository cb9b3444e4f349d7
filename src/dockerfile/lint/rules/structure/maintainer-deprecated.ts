import { argumentsOf } from '../../../syntax/tree.ts';
import { textOf } from '../../edits.ts';
import { replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const maintainerDeprecated: LintRule = {
  id: 'maintainer-deprecated',
  aliases: ['MaintainerDeprecated', 'DL4000', 'DS-0022', 'CKV_DOCKER_6'],
  topic: 'structure',
  severity: 'warning',
  title: 'a label says who maintains the image, not MAINTAINER',
  why: 'MAINTAINER has been out of use since 2017: it sets a field that few tools show. The label `org.opencontainers.image.authors` is the standard place.',
  bad: 'FROM debian:12\nMAINTAINER Ada <ada@example.com>',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.authors="Ada <ada@example.com>"',
  fix: 'safe',
  changes: 'The author stands in a label instead of the field of its own.',
  *check(file) {
    for (const { node, name, isTrigger } of file.steps) {
      if (name !== 'maintainer' || isTrigger) continue;
      const word = argumentsOf(node.body)[0];
      const message = 'MAINTAINER is out of use';
      if (word === undefined || /[\n"\\$]/.test(textOf(file, word))) yield { message, span: node.keyword };
      else {
        const keyword = node.keyword.text === name ? 'label' : 'LABEL';
        const text = `${keyword} org.opencontainers.image.authors="${word.text.replace(/^'(.*)'$/, '$1')}"`;
        const edits = [replacement({ start: node.start, end: word.end }, text)];
        yield {
          message,
          span: node.keyword,
          fix: { title: 'make it a label', safety: 'safe', effect: 'config', edits },
        };
      }
    }
  },
};
