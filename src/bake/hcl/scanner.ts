import { refuse, type Range, type SourceFile } from '../source.ts';

const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;

/** Levels of nesting that an expression may have. */
const DEPTH_MAX = 200;

/** Walks over the text of one file. */
export class Scanner {
  readonly file: SourceFile;
  /** Where it stands. */
  at: number;
  readonly #end: number;
  /** Above 0 line ends are blanks. */
  #openBrackets = 0;
  #depth = 0;

  constructor(file: SourceFile, start = 0, end: number = file.text.length) {
    this.file = file;
    this.at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  range(start: number, end: number = this.at): Range {
    return { file: this.file, start, end };
  }

  /** The text from here on begins so. */
  sees(text: string): boolean {
    return this.at + text.length <= this.#end && this.file.text.startsWith(text, this.at);
  }

  /** Steps over `text` when it comes next, after blanks. */
  take(text: string): boolean {
    this.skipBlanks();
    if (!this.sees(text)) return false;
    this.at += text.length;
    return true;
  }

  /** @throws BAKE_INVALID when it does not come next */
  expect(text: string, where: string): void {
    if (!this.take(text)) this.refuseHere(`expected ${JSON.stringify(text)} ${where}`);
  }

  takeMatch(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const [match] = pattern.exec(this.file.text) ?? [];
    if (match === undefined || this.at + match.length > this.#end) return undefined;
    this.at += match.length;
    return match;
  }

  takeIdentifier(): string | undefined {
    this.skipBlanks();
    return this.takeMatch(IDENTIFIER);
  }

  /** Steps over a keyword, which must not go on as an identifier. */
  takeWord(word: string): boolean {
    this.skipBlanks();
    const start = this.at;
    if (this.takeMatch(IDENTIFIER) === word) return true;
    this.at = start;
    return false;
  }

  /** Blanks and comments, and line ends inside of brackets. */
  skipBlanks(): void {
    while (!this.isAtEnd) {
      const c = this.file.text[this.at];
      if (c === ' ' || c === '\t' || c === '\r' || (c === '\n' && this.#openBrackets > 0)) this.at++;
      else if (c === '#' || this.sees('//')) this.#skipLine();
      else if (this.sees('/*')) this.#skipComment();
      else return;
    }
  }

  /** Blanks, comments and line ends. */
  skipLines(): void {
    this.inBrackets(() => this.skipBlanks());
  }

  /** What stands inside of (), [] or a call: line ends do not count. */
  inBrackets<T>(read: () => T): T {
    this.#openBrackets++;
    try {
      return this.nested(read);
    } finally {
      this.#openBrackets--;
    }
  }

  /** What stands inside of {}: line ends count again. */
  inBraces<T>(read: () => T): T {
    const open = this.#openBrackets;
    this.#openBrackets = 0;
    try {
      return this.nested(read);
    } finally {
      this.#openBrackets = open;
    }
  }

  nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) this.refuseHere(`the file is nested deeper than ${DEPTH_MAX} levels`);
    const result = read();
    this.#depth--;
    return result;
  }

  /** @throws BAKE_INVALID about what comes next */
  refuseHere(message: string, hint?: string): never {
    this.skipBlanks();
    const next = this.isAtEnd ? 'the file ends' : `${JSON.stringify(this.#nextWord())} comes`;
    return refuse(this.range(this.at, this.at + 1), `${message}, and ${next}`, hint);
  }

  #nextWord(): string {
    const rest = this.file.text.slice(this.at, Math.min(this.#end, this.at + 20));
    return /^(?:\n|[\p{ID_Start}_][\p{ID_Continue}-]*|.)/u.exec(rest)?.[0] ?? '';
  }

  #skipLine(): void {
    const end = this.file.text.indexOf('\n', this.at);
    this.at = end === -1 ? this.#end : Math.min(end, this.#end);
  }

  #skipComment(): void {
    const end = this.file.text.indexOf('*/', this.at + 2);
    if (end === -1 || end + 2 > this.#end) refuse(this.range(this.at, this.at + 2), 'the comment is not closed');
    this.at = end + 2;
  }
}
