import { insecureVariable } from '../../insecure.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const pipTrustedHost: LintRule = insecureVariable({
  id: 'pip-trusted-host',
  aliases: ['CKV2_DOCKER_4', 'CKV2_DOCKER_16'],
  topic: 'languages',
  title: 'pip checks certificates',
  why: 'With `--trusted-host` pip takes packages from whoever answers in the name of that host: they run with the rights of the build, and are in the image.',
  bad: 'FROM python:3.13\nENV PIP_TRUSTED_HOST=pypi.example.com\nRUN pip install --no-cache-dir flask==3.1.0',
  good: 'FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0',
  variable: 'PIP_TRUSTED_HOST',
  values: /./,
  says: 'pip takes packages from whoever answers in the name of this host',
  *commands(file) {
    for (const { invocation } of usesOf(file, 'pip', 'pip2', 'pip3', 'python', 'python3')) {
      for (const field of invocation.args) {
        if (!/^--trusted-host(?:=|$)/.test(field.text)) continue;
        yield { message: 'pip takes packages from whoever answers in the name of this host', span: field };
      }
    }
  },
});
