import { ShaleError, typedName } from '../../base/index.ts';

/** As docker's, which knows no limit; a host's name ends here. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/;

/** The name of a container as people write it, without docker's slash before it. @throws CONTAINER_NAME_INVALID */
export function parseContainerName(text: string): string {
  const name = text.replace(/^\//, '');
  if (NAME.test(name)) return name;
  throw new ShaleError('CONTAINER_NAME_INVALID', `${typedName(text)} cannot be the name of a container`, {
    data: { name: text },
    hint: 'letters, digits and _.- only, 2 to 255 of them, beginning with a letter or digit',
  });
}

const FIRST = [
  'amber',
  'brisk',
  'calm',
  'clear',
  'deft',
  'eager',
  'fair',
  'fleet',
  'gentle',
  'glad',
  'keen',
  'kind',
  'lively',
  'lucid',
  'mellow',
  'neat',
  'noble',
  'plain',
  'quick',
  'quiet',
  'sharp',
  'sober',
  'steady',
  'stout',
  'sunny',
  'swift',
  'tidy',
  'vivid',
  'warm',
  'wise',
];
const LAST = [
  'agate',
  'basalt',
  'beryl',
  'chalk',
  'chert',
  'clay',
  'coral',
  'dolomite',
  'feldspar',
  'flint',
  'gabbro',
  'garnet',
  'gneiss',
  'granite',
  'gypsum',
  'jade',
  'jasper',
  'lava',
  'marble',
  'marl',
  'mica',
  'obsidian',
  'onyx',
  'opal',
  'pumice',
  'quartz',
  'sandstone',
  'schist',
  'slate',
  'topaz',
];

/** A name for a container that was given none, from four random bytes. */
export function containerName(random: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0] = random;
  return `${FIRST[a % FIRST.length]}_${LAST[b % LAST.length]}${((c << 8) | d) % 100}`;
}
