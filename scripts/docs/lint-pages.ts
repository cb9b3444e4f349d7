import { TOPIC_TITLES, rulePage, RULES, type Topic } from '../../src/dockerfile/index.ts';

const NOTE = '<!-- Made from the rules by "npm run docs". -->\n\n';

/** The pages of `docs/lint/rules/` by path, one for each rule, and `docs/lint/rules.md`, the list of them. */
export function lintPages(): Map<string, string> {
  const pages = new Map(RULES.map((rule) => [`docs/lint/rules/${rule.id}.md`, NOTE + rulePage(rule)]));
  return pages.set('docs/lint/rules.md', NOTE + overview());
}

const FIXES = { safe: '`--fix`', unsafe: '`--fix=unsafe`', pin: '`--fix=pin`', none: '–' };

function overview(): string {
  const topics = Object.entries(TOPIC_TITLES) as [Topic, string][]; // The record has exactly these keys.
  const sections = topics.map(([topic, title]) => {
    const rows = RULES.filter((rule) => rule.topic === topic).map(
      ({ id, title: what, severity, isOptional, fix, aliases }) =>
        `| [${id}](rules/${id}.md) | ${what.replaceAll('|', '\\|')} | ${severity}${isOptional === true ? ', off' : ''} | ${FIXES[fix]} | ${aliases.join(', ')} |\n`,
    );
    return `## ${title}\n\n| rule | asks that | severity | mended by | elsewhere |\n|---|---|---|---|---|\n${rows.join('')}`;
  });
  return `# Rules of shale lint\n\n${RULES.length} rules. [What lint does](README.md).\n\n${sections.join('\n')}`;
}
