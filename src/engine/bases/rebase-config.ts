import type { ContainerConfig, ImageConfig } from '../../oci/index.ts';

/** The configs of the base that an image was made on, of the image, and of the base that it is put onto. */
export interface RebasedConfigs {
  readonly before: ImageConfig;
  readonly image: ImageConfig;
  readonly onto: ImageConfig;
}

/**
 * The image's config on the new base: what the image took over from its base comes from the new one, what it said itself
 * stays. Variables, labels, ports and volumes count one by one. The history is the new base's and that of the layers above.
 */
export function rebaseConfig(configs: RebasedConfigs): ImageConfig {
  const { before, image, onto } = configs;
  const { inlineCache: _, ...plain } = image;
  const created = [image.created, onto.created]
    .filter((each) => each !== undefined)
    .toSorted()
    .at(-1);
  return {
    ...plain,
    ...(created !== undefined && { created }),
    config: rebaseContainerConfig({ before: before.config, image: image.config, onto: onto.config }),
    diffIds: [...onto.diffIds, ...image.diffIds.slice(before.diffIds.length)],
    history: [...onto.history, ...historyAbove(configs)],
  };
}

/** What comes after the base's history: counted by layers, since the texts need not be equal. */
function historyAbove({ before, image }: RebasedConfigs): ImageConfig['history'] {
  const isBase = before.history.every((entry, i) => entry.createdBy === image.history[i]?.createdBy);
  if (isBase) return image.history.slice(before.history.length);
  let layers = 0;
  const end = image.history.findIndex((entry) => entry.emptyLayer !== true && ++layers > before.diffIds.length);
  return end < 0 ? [] : image.history.slice(end);
}

interface ContainerConfigs {
  readonly before: ContainerConfig;
  readonly image: ContainerConfig;
  readonly onto: ContainerConfig;
}

function rebaseContainerConfig({ before, image, onto }: ContainerConfigs): ContainerConfig {
  const {
    Env: _variables,
    Labels: _labels,
    ExposedPorts: _ports,
    Volumes: _volumes,
    ...plain
  } = wholeFields({ before, image, onto });
  const variables = merged({ before: pairs(before.Env), image: pairs(image.Env), onto: pairs(onto.Env) });
  const labels = merged({ before: entries(before.Labels), image: entries(image.Labels), onto: entries(onto.Labels) });
  const names = (list: readonly string[] | undefined): Map<string, string> => new Map(list?.map((name) => [name, '']));
  const ports = merged({
    before: names(before.ExposedPorts),
    image: names(image.ExposedPorts),
    onto: names(onto.ExposedPorts),
  });
  const volumes = merged({ before: names(before.Volumes), image: names(image.Volumes), onto: names(onto.Volumes) });
  return {
    ...plain,
    ...(variables.size > 0 && { Env: [...variables].map(([name, value]) => `${name}=${value}`) }),
    ...(labels.size > 0 && { Labels: Object.fromEntries(labels) }),
    ...(ports.size > 0 && { ExposedPorts: [...ports.keys()] }),
    ...(volumes.size > 0 && { Volumes: [...volumes.keys()] }),
  };
}

/** Field by field: the image's where it differs from its base's, else the new base's. */
function wholeFields({ before, image, onto }: ContainerConfigs): ContainerConfig {
  const fields = merged({
    before: new Map(Object.entries(before)),
    image: new Map(Object.entries(image)),
    onto: new Map(Object.entries(onto)),
  });
  // What an entry point starts with belongs to it: a Cmd is not taken from a base whose Entrypoint is not taken.
  if (!same(image.Entrypoint, before.Entrypoint) && same(image.Cmd, before.Cmd)) {
    if (image.Cmd === undefined) fields.delete('Cmd');
    else fields.set('Cmd', image.Cmd);
  }
  return Object.fromEntries(fields);
}

function merged<Value>({
  before,
  image,
  onto,
}: {
  readonly before: ReadonlyMap<string, Value>;
  readonly image: ReadonlyMap<string, Value>;
  readonly onto: ReadonlyMap<string, Value>;
}): Map<string, Value> {
  const result = new Map<string, Value>();
  for (const name of new Set([...onto.keys(), ...image.keys()])) {
    const isInherited = same(image.get(name), before.get(name));
    const value = isInherited ? onto.get(name) : image.get(name);
    if (value !== undefined) result.set(name, value);
  }
  return result;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function pairs(list: readonly string[] | undefined): Map<string, string> {
  return new Map(
    list?.map((text) => {
      const equals = text.indexOf('=');
      return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function entries(labels: ContainerConfig['Labels']): Map<string, string> {
  return new Map(Object.entries(labels ?? {}));
}
