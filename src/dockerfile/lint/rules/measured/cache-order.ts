import type { LintRule } from '../../rule.ts';

/** Commands that fetch what a project depends on, with the files that say what that is. */
const INSTALLS: readonly { readonly command: RegExp; readonly files: string }[] = [
  { command: /^npm (?:ci|install|i)$/, files: 'package.json package-lock.json' },
  { command: /^yarn (?:install|)$|^yarn$/, files: 'package.json yarn.lock' },
  { command: /^pnpm (?:install|i)$/, files: 'package.json pnpm-lock.yaml' },
  { command: /^pip3? install$/, files: 'requirements.txt' },
  { command: /^(?:poetry|uv) (?:install|sync)$/, files: 'pyproject.toml and its lock file' },
  { command: /^bundle install$|^bundle$/, files: 'Gemfile Gemfile.lock' },
  { command: /^go mod$/, files: 'go.mod go.sum' },
  { command: /^composer install$/, files: 'composer.json composer.lock' },
  { command: /^cargo fetch$/, files: 'Cargo.toml Cargo.lock' },
];

export const cacheOrder: LintRule = {
  id: 'cache-order',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  title: 'dependencies are installed before the sources are copied',
  why: 'A step runs again when anything that was copied above it has changed. With `COPY . .` above the installation every edit of a source installs everything again; with only the files that list the dependencies above it, the cache holds until one of those changes. With a record of the last build the rule says how long the step took.',
  bad: 'FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci',
  good: 'FROM node:22\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .',
  fix: 'none',
  *check(file) {
    for (const { steps } of file.stages) {
      for (const [index, { script, node }] of steps.entries()) {
        if (script === undefined) continue;
        for (const invocation of script.invocations) {
          const verb = invocation.args.find(({ text }) => !text.startsWith('-'))?.text ?? '';
          const known = INSTALLS.find(({ command }) => command.test(`${invocation.name} ${verb}`.trim()));
          const operands = invocation.args.filter(({ text }) => !text.startsWith('-')).length;
          if (known === undefined || (operands > 1 && !/^(?:pip3?|go)$/.test(invocation.name))) continue;
          if (invocation.name.startsWith('pip') && !invocation.args.some(({ text }) => /^-r|^--requirement/.test(text)))
            continue;
          const whole = steps
            .slice(0, index)
            .find(
              ({ instruction }) =>
                instruction?.kind === 'copy' &&
                instruction.from === undefined &&
                instruction.sources.some(({ text }) => /^["']?\.?\/?["']?$/.test(text)),
            );
          if (whole === undefined) continue;
          const seconds = file.measured?.steps.find(({ line }) => line === node.firstLine)?.seconds ?? 0;
          const cost = seconds < 1 ? '' : ` (${Math.round(seconds)} s in the last build)`;
          yield {
            message: `every edit of a source runs this again${cost}: copy ${known.files} first, the rest below`,
            span: { start: invocation.word.start, end: invocation.end },
          };
          break;
        }
      }
    }
  },
};
