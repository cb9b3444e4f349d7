import { isShaleError } from '../../../../base/index.ts';
import { parsePlatform, type Platform } from '../../../../oci/index.ts';
import { checkPage, type Rule } from '../rule.ts';

export const fromPlatformFlagConstDisallowed: Rule = {
  name: 'FromPlatformFlagConstDisallowed',
  description: 'the platform of FROM is no constant, unless the name of the stage says which one it is',
  url: checkPage('from-platform-flag-const-disallowed'),
  on: 'base',
  *check({ from, platform }) {
    if (platform === undefined || platform.matched.size > 0 || platform.unmatched.size > 0) return;
    const parsed = readPlatform(platform.text);
    if (parsed === undefined || from.name.includes(parsed.os) || from.name.includes(parsed.architecture)) return;
    const message = `FROM --platform flag should not use constant value "${platform.text}"`;
    yield { message, at: from.node, span: from.platform ?? from.node };
  },
};

function readPlatform(text: string): Platform | undefined {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (isShaleError(error, 'PLATFORM_INVALID')) return undefined;
    throw error;
  }
}
