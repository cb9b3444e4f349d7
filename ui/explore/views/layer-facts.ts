import type { ExplorationReport, ExploredLayer } from '../../../src/explore/index.ts';
import { type Child, el } from '../dom.ts';
import { badge, instruction, layerTitle } from '../parts.ts';
import { shortId, sizeText, timeText, visibleName } from '../text.ts';

/** Packages of a layer that are named. */
const PACKAGES_MAX = 8;

/** What a layer is and why it is there. */
export function layerFacts(report: ExplorationReport, layer: ExploredLayer): HTMLElement {
  const own = layer.instruction === undefined ? undefined : report.instructions[layer.instruction];
  const step = report.build?.steps.find(({ number }) => number === own?.step);
  const base = layer.base === undefined ? undefined : report.image.bases[layer.base];
  const rows: [string, Child][] = [
    ['Tar', sizeText(layer.tarBytes)],
    ['Digest', el('code', { title: layer.diffId }, shortId(layer.diffId))],
  ];
  if (layer.compressedBytes !== undefined) rows.push(['Sent', sizeText(layer.compressedBytes)]);
  if (base !== undefined) rows.push(['Came with', visibleName(base.name)]);
  if (own?.line !== undefined) rows.push(['Line', `${own.line.first} of ${visibleName(own.line.file)}`]);
  if (step !== undefined) {
    const took = step.outcome === 'ran' ? `ran in ${timeText(step.seconds * 1000)}` : step.outcome;
    rows.push(['Built', `${took}: ${visibleName(step.reason)}`]);
  }
  if (layer.packages.length > 0) rows.push(['Packages', packagesOf(layer)]);
  return el(
    'div',
    { class: 'layer-facts' },
    el('p', {}, instruction(layerTitle(report, layer))),
    el('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
  );
}

function packagesOf({ packages }: ExploredLayer): HTMLElement {
  const more = packages.length - PACKAGES_MAX;
  return el(
    'span',
    { class: 'rules' },
    ...packages.slice(0, PACKAGES_MAX).map(({ name, bytes }) => badge(`${visibleName(name)} ${sizeText(bytes)}`)),
    more > 0 ? el('span', { class: 'dim' }, `and ${more} more`) : undefined,
  );
}
