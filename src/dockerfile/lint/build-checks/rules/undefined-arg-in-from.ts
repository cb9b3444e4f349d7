import { nearestName } from '../../../syntax/suggest.ts';
import { checkPage, type Rule } from '../rule.ts';

export const undefinedArgInFrom: Rule = {
  name: 'UndefinedArgInFrom',
  description: 'every variable in FROM is declared by an ARG before the first FROM',
  url: checkPage('undefined-arg-in-from'),
  on: 'base',
  *check({ from, name, platform, variables }) {
    for (const unmatched of [...name.unmatched, ...(platform?.unmatched ?? [])]) {
      if (variables.includes(unmatched)) continue;
      const near = nearestName(unmatched, variables);
      const proposal = near === undefined ? '' : ` (did you mean ${near}?)`;
      yield { message: `FROM argument '${unmatched}' is not declared${proposal}`, at: from.node };
    }
  },
};
