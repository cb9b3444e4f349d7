import { openStackTree } from '../build/index.ts';
import { getImage, readConfig } from '../images/index.ts';
import type { Stack } from '../layers/index.ts';
import type { ImageConfig } from '../oci/index.ts';
import { readInventory } from '../packages/index.ts';
import { compareTrees, type TreeChange } from './compare-trees.ts';
import type { EngineContext } from './context.ts';
import type { ComparedFile, ComparedImage, ImageDiff } from './image-diff-types.ts';

/**
 * `shale diff A B`: what the second image has that the first has not, and the other way round: files of the merged trees,
 * and what the configs say. Nothing is mounted or unpacked.
 * @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, and what fetching a layer throws
 */
export async function diffImages(context: EngineContext, beforeName: string, afterName: string): Promise<ImageDiff> {
  const before = await open(context, beforeName);
  const after = await open(context, afterName);
  const [one, other] = [before.config.diffIds, after.config.diffIds];
  const unlike = one.findIndex((layer, i) => layer !== other[i]);
  const changes = Array.from(compareTrees(openStackTree(before.stack), openStackTree(after.stack)));
  return {
    before: before.about,
    after: after.about,
    sharedLayers: unlike < 0 ? one.length : unlike,
    files: filesOf(changes),
    packages: packageChanges(before.stack, after.stack),
    config: configChanges(before.config, after.config),
  };
}

async function open({ store, layers }: EngineContext, name: string) {
  const { record } = await getImage(store, name);
  const config = await readConfig(store, record.id);
  const about: ComparedImage = {
    name,
    id: record.id,
    sizeBytes: record.sizeBytes ?? 0,
    layers: config.diffIds.length,
  };
  return { about, config, stack: await layers.stack(config.diffIds) };
}

function filesOf(changes: readonly TreeChange[]): ImageDiff['files'] {
  const added: ComparedFile[] = [];
  const removed: ComparedFile[] = [];
  const changed: ImageDiff['files']['changed'][number][] = [];
  for (const change of changes) {
    const path = `/${change.path}`;
    switch (change.kind) {
      case 'added':
        added.push({ path, kind: change.after.kind, sizeBytes: change.after.sizeBytes });
        break;
      case 'removed':
        removed.push({ path, kind: change.before.kind, sizeBytes: change.before.sizeBytes });
        break;
      case 'changed': {
        const { before, after, differs } = change;
        const sizes = { sizeBytes: after.sizeBytes, sizeBytesBefore: before.sizeBytes };
        changed.push({ path, kind: after.kind, ...sizes, differs });
      }
    }
  }
  return { added, removed, changed };
}

function packageChanges(before: Stack, after: Stack): ImageDiff['packages'] {
  const [old, now] = [versionsIn(before), versionsIn(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === is) return [];
    return [{ name, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

function versionsIn(stack: Stack): Map<string, string> {
  const versions = new Map<string, Set<string>>();
  for (const { type, name, version } of readInventory(stack).packages) {
    const key = `${type}:${name}`;
    versions.set(key, (versions.get(key) ?? new Set()).add(version));
  }
  return new Map(Array.from(versions, ([name, all]) => [name, [...all].toSorted().join(', ')]));
}

/** Variables and labels one by one, every other field as a whole. */
export function configChanges(before: ImageConfig, after: ImageConfig): ImageDiff['config'] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return names.flatMap((field) => {
    const [was, is] = [old.get(field), now.get(field)];
    if (was === is) return [];
    return [{ field, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

function fieldsOf({ config, os, architecture, variant, created, author }: ImageConfig): Map<string, string> {
  const { Env = [], Labels = {}, ...rest } = config;
  const fields = new Map<string, string>();
  const put = (name: string, value: unknown): void => {
    if (value !== undefined && value !== null)
      fields.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  };
  for (const [name, value] of Object.entries({ os, architecture, variant, created, author, ...rest })) put(name, value);
  for (const variable of Env) {
    const equals = variable.indexOf('=');
    put(`Env.${equals < 0 ? variable : variable.slice(0, equals)}`, equals < 0 ? '' : variable.slice(equals + 1));
  }
  for (const [name, value] of Object.entries(Labels ?? {})) put(`Labels.${name}`, value);
  return fields;
}
