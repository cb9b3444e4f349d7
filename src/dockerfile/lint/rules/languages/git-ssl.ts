import { insecureVariable } from '../../insecure.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const gitSsl: LintRule = insecureVariable({
  id: 'git-ssl',
  aliases: ['CKV2_DOCKER_14'],
  topic: 'languages',
  title: 'git checks certificates',
  why: 'With GIT_SSL_NO_VERIFY or `http.sslVerify false` git takes a repository from whoever answers in the name of its host.',
  bad: 'FROM debian:12\nENV GIT_SSL_NO_VERIFY=true\nRUN git clone https://example.com/app.git',
  good: 'FROM debian:12\nRUN git clone https://example.com/app.git',
  variable: 'GIT_SSL_NO_VERIFY',
  values: /^(?!false$|0$|$)./i,
  says: 'git takes repositories from whoever answers',
  *commands(file) {
    for (const { invocation } of usesOf(file, 'git')) {
      const { args } = invocation;
      const field = args.find(
        ({ text }, index) =>
          /^http\.(?:\S+\.)?sslverify(?:=(?:false|0|no))?$/i.test(text) &&
          (text.includes('=') || /^(?:false|0|no)$/i.test(args[index + 1]?.text ?? '')),
      );
      if (field !== undefined) yield { message: 'git takes repositories from whoever answers', span: field };
    }
  },
});
