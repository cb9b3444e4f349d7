import type { LintRule } from '../../rule.ts';

export const healthcheckMissing: LintRule = {
  id: 'healthcheck-missing',
  aliases: ['DL3057', 'DS-0026', 'CKV_DOCKER_2'],
  topic: 'image',
  severity: 'info',
  isOptional: true,
  title: 'an image says how to see that it works',
  why: 'Without HEALTHCHECK an engine knows only that the process is there. Orchestrators have checks of their own; there the rule is of no use, and it is off unless it is asked for.',
  bad: 'FROM debian:12\nCMD ["app"]',
  good: 'FROM debian:12\nHEALTHCHECK CMD ["app", "ping"]\nCMD ["app"]',
  fix: 'none',
  *check({ stages }) {
    const last = stages.at(-1);
    for (let stage = last; stage !== undefined; stage = stage.base) {
      if (stage.steps.some(({ name, isTrigger }) => name === 'healthcheck' && !isTrigger)) return;
    }
    if (last !== undefined) yield { message: 'no HEALTHCHECK says how to see that the program works', span: last.node };
  },
};
