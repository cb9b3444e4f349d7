import { checkPage, type Rule } from '../rule.ts';

export const duplicateStageName: Rule = {
  name: 'DuplicateStageName',
  description: 'no two stages have the same name',
  url: checkPage('duplicate-stage-name'),
  on: 'stages',
  *check({ dockerfile }) {
    const seen = new Set<string>();
    for (const { from } of dockerfile.stages) {
      if (seen.has(from.name)) {
        yield { message: `Duplicate stage name "${from.name}", stage names should be unique`, at: from.node };
      }
      if (from.name !== '') seen.add(from.name);
    }
  },
};
