import type { LintRule, Topic } from './rule.ts';

/** The folders of the rules, as people read of them. */
export const TOPIC_TITLES: Readonly<Record<Topic, string>> = {
  structure: 'The shape of the file',
  stages: 'Stages',
  variables: 'Variables',
  bases: 'Base images',
  files: 'COPY, ADD, WORKDIR',
  secrets: 'Secrets',
  packages: 'Packages of the distribution',
  languages: 'Packages of languages',
  shell: 'RUN',
  image: 'The image',
  labels: 'Labels',
  meta: 'The linter itself',
  measured: 'Layers and cache',
};

const FIXES = {
  safe: '`shale lint --fix` mends it.',
  unsafe: '`shale lint --fix=unsafe` mends it: somebody has to agree.',
  pin: '`shale lint --fix=pin` looks the version up and writes it.',
  none: 'It is told only.',
};

/** A rule as Markdown: what it asks, why, an example with its mend. Printed by `--explain`, kept as `docs/lint/rules/`. */
export function rulePage(rule: LintRule): string {
  const { id, aliases, title, why, bad, good, fix, changes, severity, isOptional } = rule;
  const names = aliases.length === 0 ? '' : ` Elsewhere: ${aliases.map((name) => `\`${name}\``).join(', ')}.`;
  const off = isOptional === true ? ', off unless it is enabled' : '';
  const effect = changes === undefined ? '' : ` What changes: ${changes.charAt(0).toLowerCase()}${changes.slice(1)}`;
  return [
    `# ${id}`,
    `${title.charAt(0).toUpperCase()}${title.slice(1)}.`,
    `Severity: ${severity}${off}.${names}`,
    `## Why\n\n${why}`,
    `## Bad\n\n\`\`\`dockerfile\n${bad}\n\`\`\``,
    `## Good\n\n\`\`\`dockerfile\n${good}\n\`\`\``,
    `## Fix\n\n${FIXES[fix]}${effect}\n`,
  ].join('\n\n');
}
