import { quote } from '../../../syntax/characters.ts';
import { checkPage, type Rule } from '../rule.ts';

export const workdirRelativePath: Rule = {
  name: 'WorkdirRelativePath',
  description: 'the first WORKDIR of a stage is absolute, whatever the base image says',
  url: checkPage('workdir-relative-path'),
  on: 'command',
  *check({ node, instruction, expansions, isFirstWorkdir, isDone }) {
    if (instruction.kind !== 'workdir' || !isFirstWorkdir || !isDone) return;
    const path = expansions.get(instruction.path)?.text ?? instruction.path.text;
    if (path.startsWith('/')) return;
    const message = `Relative workdir ${quote(path)} can have unexpected results if the base image changes`;
    yield { message, at: node, span: instruction.path };
  },
};
