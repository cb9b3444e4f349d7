import { quote } from '../../../syntax/characters.ts';
import { checkPage, type Rule } from '../rule.ts';

/** A whole word of a name, the words being parted by `_`. */
const SECRET = wordOf('apikey auth credential credentials key password pword passwd secret token');
/** With one of these the name is not the secret's own. */
const HARMLESS = wordOf('public file version');

function wordOf(words: string): RegExp {
  return new RegExp(`(?:^|_)(?:${words.replaceAll(' ', '|')})(?:_|$)`, 'i');
}

export const secretsUsedInArgOrEnv: Rule = {
  name: 'SecretsUsedInArgOrEnv',
  description: 'ARG and ENV hold no passwords, keys or tokens: they stay in the image and its history',
  url: checkPage('secrets-used-in-arg-or-env'),
  on: 'command',
  *check({ node, instruction, expansions, isDone }) {
    if (instruction.kind === 'arg') {
      for (const { name, word } of instruction.args) {
        if (isSecret(name)) yield { message: messageFor('ARG', name), at: node, span: word };
      }
    } else if (instruction.kind === 'env' && isDone) {
      for (const { name: word } of instruction.pairs) {
        const name = expansions.get(word)?.text ?? word.text;
        if (isSecret(name)) yield { message: messageFor('ENV', name), at: node, span: word };
      }
    }
  },
};

function isSecret(name: string): boolean {
  return SECRET.test(name) && !HARMLESS.test(name);
}

function messageFor(instruction: string, name: string): string {
  return `Do not use ARG or ENV instructions for sensitive data (${instruction} ${quote(name)})`;
}
