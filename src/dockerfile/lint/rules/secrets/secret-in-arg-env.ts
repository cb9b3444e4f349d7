import type { SyntaxNode } from '../../../syntax/tree.ts';
import { deletedLines } from '../../edits.ts';
import type { LintFile, LintStage } from '../../file.ts';
import { type Fix, insertion } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const secretInArgEnv: LintRule = {
  id: 'secret-in-arg-env',
  aliases: ['SecretsUsedInArgOrEnv', 'DL3064', 'DS-0031'],
  topic: 'secrets',
  severity: 'error',
  title: 'no password, key or token is given by ARG or ENV',
  why: 'The value of an ENV is in the image, that of an ARG in its history and in the cache: whoever can pull the image can read it. `RUN --mount=type=secret` shows a secret to one command and keeps it nowhere.',
  bad: 'FROM node:22\nARG NPM_TOKEN\nRUN npm ci --token=$NPM_TOKEN',
  good: 'FROM node:22\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci --token=$NPM_TOKEN',
  fix: 'unsafe',
  changes: 'The build needs `--secret id=NAME,env=NAME` instead of `--build-arg`.',
  *check(file) {
    for (const { instruction, node, stage, isTrigger } of file.steps) {
      if (instruction?.kind === 'arg') {
        for (const { name, value, word } of instruction.args) {
          if (!isSecret(name)) continue;
          const fix =
            value === undefined && instruction.args.length === 1 && !isTrigger
              ? asMount(file, node, stage, name)
              : undefined;
          yield {
            message: `the value of ${name} stays in the history of the image`,
            span: word,
            ...(fix === undefined ? {} : { fix }),
          };
        }
      } else if (instruction?.kind === 'env') {
        for (const { name } of instruction.pairs) {
          const span = { start: name.start, end: name.start + name.text.length };
          if (isSecret(name.text)) yield { message: `the value of ${name.text} is in the image for everybody`, span };
        }
      }
    }
  },
};

/** Words of a name, parted by `_`, that say that its value is secret, and those that say that it is not. */
const SECRET = /(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const HARMLESS = /(?:^|_)(?:public|file|version)(?:_|$)/i;

function isSecret(name: string): boolean {
  return SECRET.test(name) && !HARMLESS.test(name);
}

/** The ARG gone, and a mount for each RUN of its stage that uses it. */
function asMount(file: LintFile, node: SyntaxNode, stage: LintStage | undefined, name: string): Fix | undefined {
  if (!/^\w+$/.test(name)) return undefined;
  const uses = new RegExp(`\\$(?:${name}(?!\\w)|\\{${name}\\W)`);
  const steps = stage?.steps.filter((step) => step.node !== node && uses.test(step.node.text)) ?? [];
  if (steps.length === 0 || steps.some((step) => step.name !== 'run' || step.isTrigger)) return undefined;
  const flag = ` --mount=type=secret,id=${name},env=${name}`;
  const edits = [deletedLines(file, node), ...steps.map((step) => insertion(step.node.keyword.end, flag))];
  return { title: 'give it as a secret', safety: 'unsafe', effect: 'config', edits };
}
