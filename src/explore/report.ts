import type { Analysis } from './analysis/analyse.ts';
import type { FoundPackages, PackageTally } from './analysis/packages.ts';
import { addTo, newSum } from './analysis/sums.ts';
import { instructionsOf } from './instructions.ts';
import type { ExplorationParts } from './parts.ts';
import type { ExplorationReport, ExploredInstruction, ExploredLayer, ExplorationTotals } from './types.ts';

/** All that is known of an image at once, joined. */
export function reportOf(parts: ExplorationParts, analysis: Analysis, tally: PackageTally): ExplorationReport {
  const packages = tally.found();
  const instructions = instructionsOf(parts);
  const layers = layersOf(parts, { analysis, packages, instructions });
  const compressed = parts.layers.map(({ compressedBytes }) => compressedBytes);
  return {
    image: {
      ...parts.image,
      tarBytes: parts.layers.reduce((sum, { tarBytes }) => sum + tarBytes, 0),
      compressedBytes: compressed.includes(undefined)
        ? undefined
        : compressed.reduce((sum: number, bytes) => sum + (bytes ?? 0), 0),
      distribution: packages.distribution,
    },
    instructions,
    layers,
    totals: totalsOf(parts, analysis),
    waste: analysis.waste,
    scores: { shale: analysis.shale, dive: analysis.dive },
    duplicates: analysis.duplicates,
    packages: packages.report,
    privileged: analysis.privileged.map((file) => ({ ...file, package: tally.ownerOf(file.path) })),
    build: parts.build,
    problems: [...parts.problems, ...tally.problems],
  };
}

interface Found {
  readonly analysis: Analysis;
  readonly packages: FoundPackages;
  readonly instructions: readonly ExploredInstruction[];
}

function layersOf({ layers, image }: ExplorationParts, { analysis, packages, instructions }: Found): ExploredLayer[] {
  return layers.flatMap((layer, number) => {
    const sums = analysis.layers[number];
    if (sums === undefined) return [];
    const base = image.bases.findIndex((one) => number < one.layers);
    return [
      {
        number,
        diffId: layer.diffId,
        digest: layer.digest,
        mediaType: layer.mediaType,
        compressedBytes: layer.compressedBytes,
        tarBytes: layer.tarBytes,
        instruction: instructions.find((one) => one.layer === number)?.number,
        base: base < 0 ? undefined : base,
        ...sums,
        packages: packages.ofLayer[number] ?? [],
      },
    ];
  });
}

function totalsOf({ image }: ExplorationParts, { layers, visible }: Analysis): ExplorationTotals {
  const below = Math.max(image.bases.at(-1)?.layers ?? 0, layers.length > 1 ? 1 : 0);
  const [stored, own] = [newSum(), newSum()];
  for (const [number, { content }] of layers.entries()) {
    addTo(stored, content.bytes, content.files);
    if (number >= below) addTo(own, content.bytes, content.files);
  }
  return { visible, stored, own };
}
