import { checkPage, type Rule } from '../rule.ts';

export const maintainerDeprecated: Rule = {
  name: 'MaintainerDeprecated',
  description: 'the author of an image is named by a label, not by MAINTAINER',
  url: checkPage('maintainer-deprecated'),
  on: 'node',
  *check(node) {
    if (node.name !== 'maintainer') return;
    yield { message: 'Maintainer instruction is deprecated in favor of using label', at: node, span: node.keyword };
  },
};
