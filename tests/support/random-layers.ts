import type { TarOfEntry } from './tar-of.ts';

type Random = () => number;

/** Numbers from 0 to below 1 that depend on the seed alone. */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Layers as builders write them, by chance: files that are added, replaced, written again, chmod'ed and removed, directories
 * that are removed and made opaque, links, hard links. No layer does two things at one path.
 */
export function randomLayers(seed: number, count: number): TarOfEntry[][] {
  const random = randomOf(seed);
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)];
  /** What is there; directories have no content. */
  const there = new Map<string, TarOfEntry>();
  const layers: TarOfEntry[][] = [];
  let serial = 0;
  for (let number = 0; number < count; number++) {
    const entries: TarOfEntry[] = [];
    const touched = new Set<string>();
    const isFree = (path: string): boolean =>
      ![...touched].some((one) => one === path || one.startsWith(`${path}/`) || path.startsWith(`${one}/`));
    const put = (entry: TarOfEntry): void => {
      entries.push(entry);
      touched.add(entry.path);
      there.set(entry.path, entry);
    };
    const content = (): string => `${serial++} `.repeat(Math.floor(random() * 400));
    const folders = (): string[] => [
      '',
      ...[...there].filter(([, { kind }]) => kind === 'directory').map(([path]) => path),
    ];
    const inside = (name: string): string => {
      const folder = pick(folders().filter((path) => path.split('/').length < 4)) ?? '';
      return folder === '' ? name : `${folder}/${name}`;
    };
    for (let step = 0; step < 14; step++) {
      const chance = random();
      const old = pick([...there].filter(([path]) => isFree(path)));
      if (number === 0 || chance < 0.35) {
        const isFolder = random() < 0.35;
        const path = inside(isFolder ? `d${Math.floor(random() * 5)}` : `f${Math.floor(random() * 8)}`);
        const known = there.get(path);
        const fits = known === undefined || (known.kind ?? 'file') === (isFolder ? 'directory' : 'file');
        // Parents that this layer writes are no hindrance, what it removes is.
        const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : undefined;
        const isBelowNew = parent === undefined || there.get(parent)?.kind === 'directory';
        if (!fits || touched.has(path) || !isBelowNew || hasGone(entries, path)) continue;
        if (isFolder) put({ path, kind: 'directory', mode: 0o755 });
        else if (random() < 0.15) put({ path: `${path}-link`, kind: 'symlink', linkTarget: 'f1', mode: 0o777 });
        else put({ path, mode: 0o644, content: content() });
        continue;
      }
      if (old === undefined) continue;
      const [path, entry] = old;
      const kind = entry.kind ?? 'file';
      if (chance < 0.5 && kind === 'file') put({ ...entry, mode: 0o600 + Math.floor(random() * 64) });
      else if (chance < 0.6 && kind === 'file') put({ ...entry });
      else if (chance < 0.7 && kind === 'file') put({ ...entry, content: content() });
      else if (
        chance < 0.8 &&
        kind === 'directory' &&
        [...there.keys()].every((one) => !one.startsWith(`${path}/`) || isFree(one))
      ) {
        entries.push({ path, kind: 'directory', mode: 0o755 }, { path: `${path}/.wh..wh..opq`, mode: 0o644 });
        for (const one of there.keys()) if (one.startsWith(`${path}/`)) there.delete(one);
        touched.add(path);
      } else if (chance >= 0.8) {
        const slash = path.lastIndexOf('/') + 1;
        entries.push({ path: `${path.slice(0, slash)}.wh.${path.slice(slash)}`, mode: 0o644 });
        for (const one of there.keys()) if (one === path || one.startsWith(`${path}/`)) there.delete(one);
        touched.add(path);
      }
    }
    // As a builder writes them: in the order of paths, so that a link follows what it is a link to.
    layers.push([...entries, ...hardLink(entries, number)].toSorted((a, b) => order(a.path, b.path)));
  }
  return layers;
}

function hasGone(entries: readonly TarOfEntry[], path: string): boolean {
  return entries.some((entry) => {
    const at = entry.path.replace(/\.wh\.(?!\.wh)/, '');
    return (at !== entry.path && (path === at || path.startsWith(`${at}/`))) || entry.path === `${path}/.wh..wh..opq`;
  });
}

/** A second name beside the first file of a layer that has one. */
function hardLink(entries: readonly TarOfEntry[], number: number): TarOfEntry[] {
  const file = entries.find(
    ({ kind = 'file', path, content = '' }) => kind === 'file' && !path.includes('.wh.') && content.length > 0,
  );
  if (file === undefined) return [];
  return [{ path: `${file.path}-name${number}`, kind: 'hardlink', linkTarget: file.path, mode: file.mode ?? 0o644 }];
}

function order(a: string, b: string): number {
  const [one, other] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(one.length, other.length); i++) {
    const [x = '', y = ''] = [one[i], other[i]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return one.length - other.length;
}
