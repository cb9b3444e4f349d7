/** Puts `text` in the place of the characters from `start` to before `end`. */
export interface LineEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Lines of a text that edits change, with what stands there afterwards. Lines have no newline. */
export interface LineChange {
  /** Counted from 1. */
  readonly firstLine: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** The edits by the lines that they touch: those that share a line are one change. */
export function changesOf(text: string, edits: readonly LineEdit[]): LineChange[] {
  const starts = lineStarts(text);
  const lineOf = (at: number): number => starts.findLastIndex((start) => start <= at);
  const groups: { first: number; last: number; edits: LineEdit[] }[] = [];
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    const place = insertedAt(text, starts, edit);
    const first = place ?? lineOf(edit.start);
    // An edit of whole lines ends where the next line begins, which it does not touch.
    const isWhole =
      edit.end > edit.start && starts.includes(edit.end) && (edit.text === '' || edit.text.endsWith('\n'));
    const last = place !== undefined || isWhole ? (place ?? lineOf(edit.end)) - 1 : lineOf(edit.end);
    const before = groups.at(-1);
    if (before !== undefined && first <= before.last) {
      before.last = Math.max(before.last, last);
      before.edits.push(edit);
    } else groups.push({ first, last, edits: [edit] });
  }
  return groups.map((group) => {
    const from = starts[group.first] ?? text.length;
    const to = starts[group.last + 1] ?? text.length;
    let after = text.slice(from, to);
    for (const { start, end, text: inserted } of group.edits.toReversed()) {
      after = after.slice(0, start - from) + inserted + after.slice(end - from);
    }
    return { firstLine: group.first + 1, before: linesIn(text.slice(from, to)), after: linesIn(after) };
  });
}

/** The number (from 0) of the line that whole lines are inserted before, touching none; undefined for other edits. */
function insertedAt(
  text: string,
  starts: readonly number[],
  { start, end, text: inserted }: LineEdit,
): number | undefined {
  if (start !== end || inserted === '') return undefined;
  if (start === text.length && (text === '' || text.endsWith('\n'))) return text === '' ? 0 : starts.length;
  const line = starts.indexOf(start);
  return line === -1 || !inserted.endsWith('\n') ? undefined : line;
}

/** Lines around a change that a diff shows. */
const CONTEXT_LINES = 3;

/** The difference that edits make as a unified diff; '' for none. */
export function unifiedDiff(file: string, text: string, edits: readonly LineEdit[]): string {
  const changes = changesOf(text, edits);
  if (changes.length === 0) return '';
  const lines = linesIn(text);
  const hunks: string[] = [];
  let moved = 0;
  for (let at = 0; at < changes.length;) {
    const group = [changes[at++]].filter((change) => change !== undefined);
    for (let next = changes[at]; next !== undefined && isNear(group.at(-1), next); next = changes[++at])
      group.push(next);
    const first = Math.max(1, (group[0]?.firstLine ?? 1) - CONTEXT_LINES);
    const body: string[] = [];
    let line = first;
    let added = 0;
    for (const change of group) {
      for (; line < change.firstLine; line++) body.push(` ${lines[line - 1] ?? ''}`);
      body.push(...change.before.map((one) => `-${one}`), ...change.after.map((one) => `+${one}`));
      line += change.before.length;
      added += change.after.length - change.before.length;
    }
    const end = Math.min(lines.length, line - 1 + CONTEXT_LINES);
    for (; line <= end; line++) body.push(` ${lines[line - 1] ?? ''}`);
    const [was, is] = [end - first + 1, end - first + 1 + added];
    hunks.push(`@@ -${rangeOf(first, was)} +${rangeOf(first + moved, is)} @@`, ...body);
    moved += added;
  }
  return [`--- ${file}`, `+++ ${file}`, ...hunks, ''].join('\n');
}

/** Of no lines the one before them is named (POSIX, diff, "Diff -u Output Format"). */
function rangeOf(first: number, count: number): string {
  return `${count === 0 ? first - 1 : first},${count}`;
}

function isNear(before: LineChange | undefined, next: LineChange): boolean {
  return before !== undefined && next.firstLine - (before.firstLine + before.before.length) <= 2 * CONTEXT_LINES;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1 && at + 1 < text.length; at = text.indexOf('\n', at + 1))
    starts.push(at + 1);
  return starts;
}

function linesIn(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n').map((line) => line.replace(/\r$/, ''));
}

/** As `unifiedDiff`, of two texts: what is equal at both ends is left out, and lines that stay between are found again. */
export function diffOfTexts(file: string, before: string, after: string): string {
  return before === after ? '' : unifiedDiff(file, before, lineEdits(before, after));
}

/** Lines that are looked through for the next one that stands in both. */
const LOOK_AHEAD_LINES = 200;

/** The edits of whole lines that make one text of the other. */
function lineEdits(before: string, after: string): LineEdit[] {
  const [a, b] = [before.split(/(?<=\n)/), after.split(/(?<=\n)/)];
  const edits: LineEdit[] = [];
  let [i, j, at] = [0, 0, 0];
  while (i < a.length || j < b.length) {
    if (a[i] === b[j]) {
      at += a[i]?.length ?? 0;
      i++;
      j++;
      continue;
    }
    const [skipA, skipB] = nextCommon(a, b, i, j);
    const gone = a.slice(i, i + skipA).join('');
    edits.push({ start: at, end: at + gone.length, text: b.slice(j, j + skipB).join('') });
    at += gone.length;
    i += skipA;
    j += skipB;
  }
  return edits;
}

/** How many lines of each text stand before the nearest line that is in both. */
function nextCommon(a: readonly string[], b: readonly string[], i: number, j: number): readonly [number, number] {
  for (let sum = 1; sum < LOOK_AHEAD_LINES; sum++) {
    for (let skipA = 0; skipA <= sum; skipA++) {
      const line = a[i + skipA];
      if (line !== undefined && line.trim() !== '' && line === b[j + sum - skipA]) return [skipA, sum - skipA];
    }
  }
  return [a.length - i, b.length - j];
}
