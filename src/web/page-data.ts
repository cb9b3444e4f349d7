import type { ExplorationComparison, ExplorationReport, FileLook } from '../explore/index.ts';
import type { PageData, PageElf, PageLook } from './wire.ts';

/** Rows of the lists in a report that a page shows; the file for CI has them all. */
const WASTE_MAX = 1000;
const DUPLICATES_MAX = 500;
const DUPLICATE_PLACES_MAX = 20;
const INEFFICIENT_MAX = 200;

/** What the page gets at its start. */
export function pageData(report: ExplorationReport, comparison: ExplorationComparison | undefined): PageData {
  const { waste, scores, duplicates } = report;
  const more = Math.max(0, waste.entries.length - WASTE_MAX);
  return {
    version: 1,
    report: {
      ...report,
      waste: { ...waste, entries: waste.entries.slice(0, WASTE_MAX), moreEntries: waste.moreEntries + more },
      scores: { ...scores, dive: { ...scores.dive, inefficient: scores.dive.inefficient.slice(0, INEFFICIENT_MAX) } },
      duplicates: duplicates
        .slice(0, DUPLICATES_MAX)
        .map((group) => ({ ...group, places: group.places.slice(0, DUPLICATE_PLACES_MAX) })),
    },
    ...(comparison === undefined ? {} : { comparison }),
  };
}

export function pageLook({ entry, head, elf, ...look }: FileLook): PageLook {
  return {
    ...look,
    sizeBytes: entry.sizeBytes,
    head: head === undefined ? undefined : Buffer.from(head).toString('base64'),
    elf: elf === undefined ? undefined : pageElf(elf),
  };
}

function pageElf(elf: NonNullable<FileLook['elf']>): PageElf {
  return { ...elf, versions: Object.fromEntries(elf.versions) };
}
