import { argumentsOf } from '../../../syntax/tree.ts';
import { checkPage, type Rule } from '../rule.ts';

export const stageNameCasing: Rule = {
  name: 'StageNameCasing',
  description: 'names of stages are in lower case',
  url: checkPage('stage-name-casing'),
  on: 'node',
  *check(node) {
    const words = node.name === 'from' ? argumentsOf(node.body) : [];
    const [, , name] = words;
    if (words.length !== 3 || name === undefined || name.text === name.text.toLowerCase()) return;
    yield { message: `Stage name '${name.text}' should be lowercase`, at: node, span: name };
  },
};
