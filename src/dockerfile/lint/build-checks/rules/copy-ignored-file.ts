import { checkPage, type Rule } from '../rule.ts';

export const copyIgnoredFile: Rule = {
  name: 'CopyIgnoredFile',
  description: 'COPY and ADD take no file that the ignore file leaves out of the context',
  url: checkPage('copy-ignored-file'),
  on: 'command',
  *check({ node, instruction, ignoredSources }) {
    const verb = instruction.kind === 'add' ? 'Add' : 'Copy';
    for (const path of ignoredSources) {
      yield {
        message: `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`,
        at: node,
      };
    }
  },
};
