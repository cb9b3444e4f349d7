import { nearestName } from '../../../syntax/suggest.ts';
import { checkPage, type Rule } from '../rule.ts';

export const undefinedVar: Rule = {
  name: 'UndefinedVar',
  description: 'every variable is set by ENV or declared by ARG before it is used',
  url: checkPage('undefined-var'),
  on: 'command',
  *check({ node, undefinedVariables }) {
    for (const { name, known } of undefinedVariables) {
      const near = nearestName(name, known);
      const proposal = near === undefined ? '' : ` (did you mean $${near}?)`;
      yield { message: `Usage of undefined variable '$${name}'${proposal}`, at: node };
    }
  },
};
