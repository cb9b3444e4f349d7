import { checkPage, type Rule } from '../rule.ts';

const RESERVED: readonly string[] = ['context', 'scratch'];

export const reservedStageName: Rule = {
  name: 'ReservedStageName',
  description: 'no stage is called scratch or context, which mean something else',
  url: checkPage('reserved-stage-name'),
  on: 'stages',
  check: ({ dockerfile }) =>
    dockerfile.stages
      .filter(({ from }) => RESERVED.includes(from.name))
      .map(({ from }) => ({
        message: `Stage name should not use the same name as reserved stage "${from.name}"`,
        at: from.node,
      })),
};
