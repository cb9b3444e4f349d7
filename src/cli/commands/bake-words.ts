import { isAbsolute, join } from 'node:path/posix';
import {
  FIELDS,
  folderAt,
  formatEntry,
  isPlainPath,
  isWebFile,
  pathHere,
  type Field,
  type Fields,
} from '../../bake/index.ts';
import { UsageError } from '../usage-error.ts';

/** What a target of a bake file is as a command line of `shale build`. */
export interface TargetWords {
  readonly words: readonly string[];
  /** A Dockerfile that stands in the bake file; it takes the place of `--file`. */
  readonly inlineDockerfile: string | undefined;
  /** A Dockerfile that lies where the command was started, wherever the context is; it takes the place of `--file`. */
  readonly dockerfileHere: string | undefined;
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
 * other targets are left out: whoever builds the targets joins them. `origin` is the address that the definition comes from:
 * paths of contexts are folders there then.
 * @throws USAGE
 */
export function targetWords(fields: Fields, origin?: string): TargetWords {
  const context = fields.get('text', 'context') ?? '.';
  const dockerfile = fields.get('text', 'dockerfile') ?? 'Dockerfile';
  const inlineDockerfile = fields.get('text', 'dockerfile-inline');
  const words = FIELDS.filter(({ name }) => !NOT_FLAGS.includes(name)).flatMap((field) =>
    wordsOf(field, fields, origin),
  );
  const dockerfileHere = pathHere(dockerfile);
  const isElsewhere = inlineDockerfile !== undefined || dockerfileHere !== undefined;
  const place = placeOf(context, origin);
  const file = isElsewhere ? [] : ['--file', isPlainPath(place) ? joined(place, dockerfile) : dockerfile];
  return { words: [...file, ...words, '--', place], inlineDockerfile, dockerfileHere };
}

/** A Dockerfile lies in the context, unless it says where else. */
function joined(context: string, dockerfile: string): string {
  return isPlainPath(dockerfile) && !isAbsolute(dockerfile) ? join(context, dockerfile) : dockerfile;
}

/** `cwd://x` is `x` where the command was started; other paths are there too, unless the definition is from elsewhere. */
function placeOf(context: string, origin: string | undefined): string {
  const here = pathHere(context);
  if (here !== undefined) return here;
  if (origin === undefined || !isPlainPath(context)) return context;
  const place = folderAt(origin, context);
  if (place !== origin && isWebFile(origin))
    throw new UsageError(`the folder ${context} of ${origin} cannot be a context`, 'a git repository has folders');
  return place;
}

function wordsOf(field: Field, fields: Fields, origin: string | undefined): string[] {
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
        .map(
          ([key, value]) =>
            `${flag}=${key}=${field.name === 'contexts' ? placeOf(value ?? '', origin) : (value ?? '')}`,
        );
  }
}
