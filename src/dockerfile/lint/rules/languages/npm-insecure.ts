import { insecureVariable } from '../../insecure.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const npmInsecure: LintRule = insecureVariable({
  id: 'npm-insecure',
  aliases: ['CKV2_DOCKER_12', 'CKV2_DOCKER_13'],
  topic: 'languages',
  title: 'npm and yarn check certificates',
  why: 'With strict-ssl off npm takes packages from whoever answers in the name of the registry: they run with the rights of the build, and are in the image.',
  bad: 'FROM node:22\nENV NPM_CONFIG_STRICT_SSL=false\nRUN npm ci',
  good: 'FROM node:22\nRUN npm ci',
  variable: 'NPM_CONFIG_STRICT_SSL',
  values: /^(?:false|0|no|off)$/i,
  says: 'npm takes packages from whoever answers in the name of the registry',
  *commands(file) {
    for (const { invocation } of usesOf(file, 'npm', 'yarn', 'pnpm')) {
      const { args } = invocation;
      const at = args.findIndex(({ text }) => /^(?:--)?strict-ssl(?:=|$)/.test(text));
      const [field, next] = args.slice(at === -1 ? args.length : at);
      if (
        field === undefined ||
        !/^(?:--)?strict-ssl=?(?:false|0)$/.test(field.text + (field.text.includes('=') ? '' : (next?.text ?? '')))
      )
        continue;
      yield { message: 'npm takes packages from whoever answers in the name of the registry', span: field };
    }
  },
});
