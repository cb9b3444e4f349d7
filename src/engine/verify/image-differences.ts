import type { ImageConfig } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { configChanges } from '../image-diff.ts';
import { layerDifferences } from './layer-differences.ts';
import type { VerifyDifference, VerifyReport } from './verify-types.ts';

const DIFFERENCES_MAX = 1000;

/** How two images of one thing differ, layer by layer, then in the config. */
export async function imageDifferences(
  layers: EngineContext['layers'],
  before: ImageConfig,
  after: ImageConfig,
): Promise<Pick<VerifyReport, 'differences' | 'moreDifferences'>> {
  const differences: VerifyDifference[] = [];
  let moreDifferences = 0;
  for await (const difference of differencesOf(layers, before, after)) {
    if (differences.length < DIFFERENCES_MAX) differences.push(difference);
    else moreDifferences++;
  }
  return { differences, moreDifferences };
}

async function* differencesOf(
  layers: EngineContext['layers'],
  before: ImageConfig,
  after: ImageConfig,
): AsyncGenerator<VerifyDifference> {
  const makers = before.history.filter(({ emptyLayer }) => emptyLayer !== true).map(({ createdBy }) => createdBy);
  const count = Math.max(before.diffIds.length, after.diffIds.length);
  for (let i = 0; i < count; i++) {
    const [one, other] = [before.diffIds[i], after.diffIds[i]];
    if (one === other) continue;
    const madeBy = makers[i];
    const about = { layer: i + 1, ...(madeBy !== undefined && { madeBy }) };
    for await (const difference of layerDifferences(layers, one, other)) yield { ...about, ...difference };
  }
  const [was, is] = [historyText(before), historyText(after)];
  const told = was === is ? [] : [{ field: 'history', before: was, after: is }];
  for (const change of [...configChanges(before, after), ...told]) {
    const kind = change.before === undefined ? 'added' : change.after === undefined ? 'removed' : 'changed';
    const { field } = change;
    yield { path: field, kind, differs: [], cause: 'unknown', mend: 'give the build the same arguments and labels' };
  }
}

function historyText({ history }: ImageConfig): string {
  return JSON.stringify(
    history.map(({ created = '', createdBy = '', comment = '', emptyLayer = false }) => [
      created,
      createdBy,
      comment,
      emptyLayer,
    ]),
  );
}
