import type { Span } from '../../syntax/source.ts';
import type { SyntaxNode } from '../../syntax/tree.ts';
import type { BaseUse, CommandUse, ImageUse, LintSubject } from './subject.ts';

/** What a rule found, before anybody asked whether it may be said. */
export interface Found {
  /** For people: one sentence without a full stop. */
  readonly message: string;
  /** The instruction that it is about, or a part of the file that belongs to none. */
  readonly at: SyntaxNode | Span;
  /** Exactly what is meant, where that is less than `at`. */
  readonly span?: Span;
  /** Another instruction whose `# check=skip=` counts as well. */
  readonly causedBy?: SyntaxNode;
}

interface RuleBase {
  /** The name under which it is skipped. */
  readonly name: string;
  /** What is asked of a Dockerfile, in one sentence. */
  readonly description: string;
  /** A page about it. */
  readonly url?: string;
  /** Runs only where `check=experimental=` asks for it. */
  readonly isExperimental?: boolean;
}

/**
 * A rule: data in, findings out; it remembers nothing. `on` says what it is called for, each time in the order of the file:
 * `text` and `stages` once, the others for each instruction, FROM, image and command.
 */
export type Rule = RuleBase &
  (
    | { readonly on: 'text' | 'stages'; check(subject: LintSubject): Iterable<Found> }
    | { readonly on: 'node'; check(node: SyntaxNode, subject: LintSubject): Iterable<Found> }
    | { readonly on: 'base'; check(base: BaseUse, subject: LintSubject): Iterable<Found> }
    | { readonly on: 'image'; check(image: ImageUse, subject: LintSubject): Iterable<Found> }
    | { readonly on: 'command'; check(command: CommandUse, subject: LintSubject): Iterable<Found> }
  );

/** The page of docker's documentation about the build check of that name. */
export function checkPage(slug: string): string {
  return `https://docs.docker.com/go/dockerfile/rule/${slug}/`;
}
