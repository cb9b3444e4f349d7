import { checkPage, type Rule } from '../rule.ts';

export const noEmptyContinuation: Rule = {
  name: 'NoEmptyContinuation',
  description: 'no empty line stands inside an instruction that goes on: a later version of the language refuses it',
  url: checkPage('no-empty-continuation'),
  on: 'text',
  check: ({ dockerfile }) => dockerfile.emptyContinuations.map((at) => ({ message: 'Empty continuation line', at })),
};
