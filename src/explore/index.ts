/**
 * explore: what is in an image and why, as one model with several faces. The image's layers are read through their indexes,
 * all of them in one walk; contents are read when somebody looks at them. Where an image lies is not known here: whoever
 * opens one hands its parts in (`ExplorationParts`).
 *
 * Invariants:
 * - The model is plain data and a few questions (`types.ts`); the terminal, the page and the files for CI show only what it
 *   says.
 * - Every byte of every layer is counted once: a container sees it, or it is lost for one cause.
 * - Images are foreign: what cannot be read is told in `problems`, and makes nothing throw but the question for it.
 */
export { explore } from './exploration.ts';
export { formatHex } from './hex.ts';
export { readCreatedBy } from './instructions.ts';
export type * from './parts.ts';
export { matcherOf } from './search.ts';
export type * from './budget-types.ts';
export type * from './comparison-types.ts';
export type * from './tree-types.ts';
export type * from './types.ts';
export { checkBudgets } from './budgets/check.ts';
export { findBudgets, loadBudgets, type FoundBudgets } from './budgets/config.ts';
export { parseBudget } from './budgets/values.ts';
export { compareExplorations } from './compare.ts';
export { comparisonJson, exploreJson, jsonOf } from './formats/json.ts';
export { comparisonMarkdown, exploreMarkdown } from './formats/markdown.ts';
export { exploreSarif } from './formats/sarif.ts';
export { comparisonSummary, exploreSummary, type SummaryOptions } from './formats/summary.ts';
export { percent } from './formats/words.ts';
