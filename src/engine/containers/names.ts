const FIRST = ['amber', 'brisk', 'calm', 'clear', 'deft', 'eager', 'fair', 'fleet', 'gentle', 'glad', 'keen', 'kind', 'lively', 'lucid', 'mellow', 'neat', 'noble', 'plain', 'quick', 'quiet', 'sharp', 'sober', 'steady', 'stout', 'sunny', 'swift', 'tidy', 'vivid', 'warm', 'wise'];
const LAST = ['agate', 'basalt', 'beryl', 'chalk', 'chert', 'clay', 'coral', 'dolomite', 'feldspar', 'flint', 'gabbro', 'garnet', 'gneiss', 'granite', 'gypsum', 'jade', 'jasper', 'lava', 'marble', 'marl', 'mica', 'obsidian', 'onyx', 'opal', 'pumice', 'quartz', 'sandstone', 'schist', 'slate', 'topaz'];

/** A name for a container that was given none, from four random bytes. */
export function containerName(random: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0] = random;
  return `${FIRST[a % FIRST.length]}_${LAST[b % LAST.length]}${((c << 8) | d) % 100}`;
}
