import type { Invocation } from '../../../shell/script.ts';
import type { Step } from '../../file.ts';
import { type Fix, insertion } from '../../fix.ts';
import { hasMountAt, hasOption, usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

/** Programs that download or compile, with the folders in which root's caches are by default. */
const CACHES: readonly { readonly command: RegExp; readonly folders: readonly string[] }[] = [
  { command: /^npm (?:ci|install|i|add)$/, folders: ['/root/.npm'] },
  { command: /^yarn(?: install| add)?$/, folders: ['/usr/local/share/.cache/yarn'] },
  { command: /^pnpm (?:install|i|add)$/, folders: ['/root/.local/share/pnpm/store'] },
  { command: /^pip3? (?:install|wheel)$/, folders: ['/root/.cache/pip'] },
  { command: /^uv (?:sync|pip)$/, folders: ['/root/.cache/uv'] },
  { command: /^poetry install$/, folders: ['/root/.cache/pypoetry'] },
  { command: /^go (?:build|install|test)$/, folders: ['/go/pkg/mod', '/root/.cache/go-build'] },
  { command: /^go mod$/, folders: ['/go/pkg/mod'] },
  { command: /^cargo (?:build|install|fetch)$/, folders: ['/usr/local/cargo/registry'] },
  { command: /^mvn(?: .*)?$/, folders: ['/root/.m2'] },
  { command: /^gradle(?: .*)?$/, folders: ['/root/.gradle'] },
  { command: /^composer (?:install|update|require)$/, folders: ['/root/.composer/cache'] },
];

const PROGRAMS = ['npm', 'yarn', 'pnpm', 'pip', 'pip3', 'uv', 'poetry', 'go', 'cargo', 'mvn', 'gradle', 'composer'];

export const cacheMount: LintRule = {
  id: 'cache-mount',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  isOptional: true,
  title: 'what a program downloads is kept in a cache mount',
  why: 'A step that runs again downloads and compiles everything again, however little has changed. A cache mount keeps what it had: it is there when the step runs next, and never in a layer. With records of builds the rule says how long the step took.',
  bad: 'FROM node:22\nRUN npm ci',
  good: 'FROM node:22\nRUN --mount=type=cache,target=/root/.npm npm ci',
  fix: 'unsafe',
  changes: 'What was downloaded is kept by the builder and not in the image; the folder of the cache is there, empty.',
  *check(file) {
    const told = new Set<Step>();
    for (const { step, invocation } of usesOf(file, ...PROGRAMS)) {
      const folders = foldersOf(invocation).filter((folder) => !hasMountAt(step, folder));
      if (folders.length === 0 || !isRoot(step) || told.has(step)) continue;
      told.add(step);
      const seconds = file.measured?.steps.find(({ line }) => line === step.node.firstLine)?.seconds ?? 0;
      const long = seconds < 1 ? '' : ` (${Math.round(seconds)} s the last time)`;
      yield {
        message: `this downloads everything again whenever it runs${long}: a cache mount at ${folders.join(' and ')} keeps it`,
        span: { start: invocation.word.start, end: invocation.end },
        ...(step.isTrigger ? {} : { fix: mountAt(step, folders) }),
      };
    }
  },
};

/** The caches that a call would use; none where it is told to keep none, or only to say something. */
function foldersOf({ name, args }: Invocation): readonly string[] {
  if (hasOption(args, '--no-cache-dir', '--no-cache', '--help', '--version')) return [];
  const verb = args.find(({ text }) => !text.startsWith('-'))?.text ?? '';
  return CACHES.find(({ command }) => command.test(`${name} ${verb}`.trim()))?.folders ?? [];
}

/** The places are those of root; another user has others. */
function isRoot({ before }: Step): boolean {
  return /^(?:root|0)?(?::.*)?$/.test(before.user?.text ?? 'root');
}

function mountAt({ node }: Step, folders: readonly string[]): Fix {
  const mounts = folders.map((folder) => ` --mount=type=cache,target=${folder}`).join('');
  const edits = [insertion(node.start + 'RUN'.length, mounts)];
  return { title: `mount a cache at ${folders.join(' and ')}`, safety: 'unsafe', effect: 'caches', edits };
}
