import { isShaleError } from '../../../../base/index.ts';
import { parseReference } from '../../../../oci/index.ts';
import { checkPage, type Rule } from '../rule.ts';

export const invalidDefaultArgInFrom: Rule = {
  name: 'InvalidDefaultArgInFrom',
  description: 'FROM names an image also when no build argument is given',
  url: checkPage('invalid-default-arg-in-from'),
  on: 'stages',
  *check({ defaultBases = [] }) {
    for (const { from, text } of defaultBases) {
      if (isReference(text)) continue;
      const message = `Default value for ARG ${from.base.text} results in empty or invalid base image name`;
      yield { message, at: from.node, span: from.base };
    }
  },
};

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return false;
    throw error;
  }
}
