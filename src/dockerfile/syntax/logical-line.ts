import type { Span } from './source.ts';
import type { Word } from './tree.ts';

/**
 * The text of one instruction, put together from the source's lines without their continuation marks, and where in the
 * source each part of it stands.
 */
export class LogicalLine {
  #text = '';
  readonly #pieces: { readonly at: number; readonly source: number }[] = [];

  get text(): string {
    return this.#text;
  }

  /** Adds source text that begins at offset `source`. */
  append(text: string, source: number): void {
    this.#pieces.push({ at: this.#text.length, source });
    this.#text += text;
  }

  /** The source offset of the character at `at`. */
  sourceOffset(at: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle]?.at ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    const piece = this.#pieces[low];
    return piece === undefined ? 0 : piece.source + (at - piece.at);
  }

  /** The part from `from` to before `to` as a line of its own. */
  slice(from: number, to: number): LogicalLine {
    const part = new LogicalLine();
    for (const [index, { at, source }] of this.#pieces.entries()) {
      const end = Math.min(to, this.#pieces[index + 1]?.at ?? this.#text.length);
      const start = Math.max(from, at);
      if (end > start) part.append(this.#text.slice(start, end), source + (start - at));
    }
    return part;
  }

  span(from: number, to: number): Span {
    const start = this.sourceOffset(from);
    return { start, end: to > from ? this.sourceOffset(to - 1) + 1 : start };
  }

  /** The word that says `text` and stands from `from` to before `to`. */
  word(from: number, to: number, text: string = this.#text.slice(from, to)): Word {
    return { text, ...this.span(from, to) };
  }
}
