import type { Step } from '../../file.ts';
import type { MeasuredStep } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';
import type { Invocation } from '../../../shell/script.ts';

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
  why: 'A step runs again when anything that was copied above it has changed. With `COPY . .` above the installation every edit of a source installs everything again; with only the files that list the dependencies above it, the cache holds until one of those changes. With records of builds the rule says how often the step ran, and how long it took.',
  bad: 'FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci',
  good: 'FROM node:22\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .',
  fix: 'none',
  *check(file) {
    for (const { steps } of file.stages) {
      for (const [index, step] of steps.entries()) {
        const install = installOf(step);
        if (install === undefined || !steps.slice(0, index).some(copiesEverything)) continue;
        const { call, files } = install;
        const cost = costOf(file.measured?.steps.find(({ line }) => line === step.node.firstLine));
        const message = `every edit of a source runs this again${cost}: copy ${files} first, the rest below`;
        yield { message, span: { start: call.word.start, end: call.end } };
      }
    }
  },
};

/** The first call of a step that installs what files of the project list, and nothing that is named. */
function installOf({ script }: Step): { readonly call: Invocation; readonly files: string } | undefined {
  for (const call of script?.invocations ?? []) {
    const words = call.args.map(({ text }) => text);
    const operands = words.filter((text) => !text.startsWith('-'));
    const known = INSTALLS.find(({ command }) => command.test(`${call.name} ${operands[0] ?? ''}`.trim()));
    if (known === undefined) continue;
    const isPip = call.name.startsWith('pip');
    if (isPip ? words.some((text) => /^(?:-r|--requirement)/.test(text)) : operands.length < 2 || call.name === 'go') {
      return { call, files: known.files };
    }
  }
  return undefined;
}

/** `COPY . …` from the context. */
function copiesEverything({ instruction }: Step): boolean {
  if (instruction?.kind !== 'copy' || instruction.from !== undefined) return false;
  return instruction.sources.some(({ text }) => /^["']?\.?\/?["']?$/.test(text));
}

/** What the builds so far have paid for it. */
function costOf(step: MeasuredStep | undefined): string {
  if (step === undefined) return '';
  const { times, of } = step.ran;
  const often = of < 2 ? '' : `in ${times} of the last ${of} builds`;
  const long = step.seconds < 1 ? '' : `${Math.round(step.seconds)} s the last time`;
  const parts = [often, long].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
