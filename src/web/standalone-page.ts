import { gzipSync } from 'node:zlib';
import { toText } from '../base/index.ts';
import type { Exploration, ExplorationComparison, FileComparison } from '../explore/index.ts';
import { pageData } from './page-data.ts';
import { pageHtml, standalonePolicy } from './page-html.ts';
import { pageText } from './page-text.ts';
import { changesName, pageTree, parseTreeName } from './page-tree.ts';
import type { EmbeddedPage, PageTree } from './wire.ts';

/** Entries of the merged tree, and of all trees of single layers together, that a page holds; small files are summed up. */
const MERGED_ENTRIES_MAX = 60_000;
const CHANGES_ENTRIES_MAX = 60_000;
/** What each layer may have at least. */
const LAYER_ENTRIES_MIN = 100;
/** Bytes of a file before and after whose differences are held; of all differences; how many there are. */
const DIFF_FILE_MAX_BYTES: number = 32 * 1024;
const DIFFS_MAX_BYTES: number = 512 * 1024;
const DIFFS_MAX = 300;

/**
 * The page as one file that needs no network and no server. It holds the report and the trees, no contents of files, and
 * differences of small texts only. The same image gives the same bytes.
 * @throws what reading contents throws
 */
export async function standalonePage(
  exploration: Exploration,
  comparison: ExplorationComparison | undefined,
): Promise<string> {
  const { script, style } = pageText();
  const embedded: EmbeddedPage = {
    ...pageData(exploration.report, comparison),
    trees: embeddedTrees(exploration),
    diffs: await embeddedDiffs(exploration),
  };
  // As base64 of gzip it is small, and nothing in it can be taken for HTML.
  const data = gzipSync(JSON.stringify(embedded), { level: 9 }).toString('base64');
  return pageHtml({
    title: `${toText(exploration.report.image.name)} – shale explore`,
    head: `<meta http-equiv="Content-Security-Policy" content="${standalonePolicy(script, style)}">\n<style>${style}</style>`,
    foot: `<script type="application/gzip" id="embedded">${data}</script>\n<script>${script}</script>`,
  });
}

function embeddedTrees(exploration: Exploration): Record<string, PageTree> {
  const layers = exploration.report.layers.length;
  const trees: Record<string, PageTree> = {};
  const add = (name: string, entriesMax: number): void => {
    const kind = parseTreeName(name, layers);
    if (kind !== undefined) trees[name] = pageTree(exploration, kind, entriesMax);
  };
  add('merged', MERGED_ENTRIES_MAX);
  const each = Math.max(LAYER_ENTRIES_MIN, Math.floor(CHANGES_ENTRIES_MAX / Math.max(1, layers)));
  for (let layer = 0; layer < layers; layer++) add(changesName(layer), each);
  return trees;
}

/** Of the topmost layers first: those are what people changed last. */
async function embeddedDiffs(exploration: Exploration): Promise<Record<string, FileComparison>> {
  const diffs: Record<string, FileComparison> = {};
  let [count, bytes] = [0, 0];
  for (let layer = exploration.report.layers.length - 1; layer > 0; layer--) {
    const scope = { from: layer, to: layer };
    for (const entry of exploration.walk(scope, '', ({ state }) => state !== 'unmodified')) {
      if (entry.kind !== 'file' || entry.state !== 'modified' || !entry.differs.includes('content')) continue;
      if (entry.sizeBytes > DIFF_FILE_MAX_BYTES) continue;
      const comparison = await exploration.compareWithBelow({ path: entry.path, layer });
      if (comparison.kind === 'text' && (comparison.isCut || comparison.diff.length > DIFF_FILE_MAX_BYTES)) continue;
      bytes += comparison.kind === 'text' ? comparison.diff.length : 0;
      if (++count > DIFFS_MAX || bytes > DIFFS_MAX_BYTES) return diffs;
      diffs[`${layer}:${entry.path}`] = comparison;
    }
  }
  return diffs;
}
