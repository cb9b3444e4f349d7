import { isAbsolute, join } from 'node:path/posix';
import { FIELDS, formatEntry, isPlainPath, type Field, type Fields } from '../../bake/index.ts';

/** What a target of a bake file is as a command line of `shale build`. */
export interface TargetWords {
  readonly words: readonly string[];
  /** A Dockerfile that stands in the bake file; it takes the place of `--file`. */
  readonly inlineDockerfile: string | undefined;
}

/** The flag of `shale build` that a field becomes, where it is called otherwise there. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  annotations: 'annotation',
  args: 'build-arg',
  contexts: 'build-context',
  entitlements: 'allow',
  'extra-hosts': 'add-host',
  labels: 'label',
  platforms: 'platform',
  tags: 'tag',
  ulimits: 'ulimit',
};

/** Fields that are no flags of their own. */
const NOT_FLAGS = ['description', 'context', 'dockerfile', 'dockerfile-inline'];

/**
 * A target as the words of `shale build`, so that both take and refuse the same things in the same way. Contexts that are
 * other targets are left out: whoever builds the targets joins them.
 */
export function targetWords(fields: Fields): TargetWords {
  const context = fields.get('text', 'context') ?? '.';
  const inlineDockerfile = fields.get('text', 'dockerfile-inline');
  const words = FIELDS.filter(({ name }) => !NOT_FLAGS.includes(name)).flatMap((field) => wordsOf(field, fields));
  const file = inlineDockerfile === undefined ? ['--file', dockerfilePath(fields, context)] : [];
  return { words: [...file, ...words, '--', fromHere(context)], inlineDockerfile };
}

/** A Dockerfile lies in the context, unless it says where else. */
function dockerfilePath(fields: Fields, context: string): string {
  const dockerfile = fields.get('text', 'dockerfile') ?? 'Dockerfile';
  if (dockerfile.startsWith('cwd://')) return fromHere(dockerfile);
  return isPlainPath(context) && isPlainPath(dockerfile) && !isAbsolute(dockerfile)
    ? join(context, dockerfile)
    : dockerfile;
}

/** `cwd://x` is `x` where the command was started; that it is here too, no remote definition being read. */
function fromHere(path: string): string {
  return path.replace(/^cwd:\/\//, '') || '.';
}

function wordsOf(field: Field, fields: Fields): string[] {
  const flag = `--${FLAG_NAMES[field.name] ?? field.name}`;
  switch (field.form) {
    case 'text': {
      const text = fields.get('text', field.name);
      return text === undefined ? [] : [`${flag}=${text}`];
    }
    case 'flag':
      return fields.get('flag', field.name) === true ? [flag] : [];
    case 'texts':
      return (fields.get('texts', field.name) ?? []).map((text) => `${flag}=${text}`);
    case 'entries':
      return (fields.get('entries', field.name) ?? [])
        .filter((entry) => entry.get('disabled') !== 'true')
        .map((entry) => `${flag}=${formatEntry(field.entry, entry)}`);
    case 'map':
      return Array.from(fields.get('map', field.name) ?? [])
        .filter(([, value]) => field.name !== 'contexts' || value?.startsWith('target:') !== true)
        .map(([key, value]) => `${flag}=${key}=${field.name === 'contexts' ? fromHere(value ?? '') : (value ?? '')}`);
  }
}
