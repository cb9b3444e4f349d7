import { positionAt, realLine, type Position, type Span } from '../../syntax/source.ts';
import type { SyntaxNode } from '../../syntax/tree.ts';
import { isAllowed, withComments, type CheckOptions } from './options.ts';
import type { Found, Rule } from './rule.ts';
import type { LintSubject } from './subject.ts';

/** A finding as it is told. */
export interface Finding {
  readonly rule: string;
  readonly description: string;
  readonly url?: string;
  readonly message: string;
  readonly file: string;
  /** The whole of that file. */
  readonly text: string;
  /** The lines of the instruction, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** What exactly is meant; `end` is after the last character. */
  readonly start: Position;
  readonly end: Position;
  /** The same as offsets into the text that was checked. */
  readonly span: Span;
}

/**
 * What the rules find, in the order in which the reference finds it: the text, its instructions, its stages, their bases,
 * their images, their commands. `# check=` above an instruction counts for what is found there.
 */
export function runRules(subject: LintSubject, rules: readonly Rule[], options: CheckOptions): Finding[] {
  const findings: Finding[] = [];
  const take = (rule: Rule, found: Iterable<Found>): void => {
    for (const one of found) if (isSaid(rule, one, options)) findings.push(findingOf(rule, one, subject));
  };
  for (const rule of rules) if (rule.on === 'text') take(rule, rule.check(subject));
  for (const node of subject.nodes) {
    for (const rule of rules) if (rule.on === 'node') take(rule, rule.check(node, subject));
  }
  for (const rule of rules) if (rule.on === 'stages' && subject.hasStages) take(rule, rule.check(subject));
  for (const base of subject.bases) {
    for (const rule of rules) if (rule.on === 'base') take(rule, rule.check(base, subject));
  }
  for (const image of subject.images) {
    for (const rule of rules) if (rule.on === 'image') take(rule, rule.check(image, subject));
  }
  for (const command of subject.commands) {
    for (const rule of rules) if (rule.on === 'command') take(rule, rule.check(command, subject));
  }
  return findings;
}

function isSaid(rule: Rule, { at, causedBy }: Found, options: CheckOptions): boolean {
  const nodes = [...(isNode(at) ? [at] : []), ...(causedBy === undefined ? [] : [causedBy])];
  if (nodes.length === 0) return isAllowed(rule, options);
  return rule.isExperimental === true
    ? nodes.some((node) => isAllowed(rule, withComments(options, node.comments)))
    : nodes.every((node) => isAllowed(rule, withComments(options, node.comments)));
}

function findingOf(rule: Rule, { message, at, span }: Found, subject: LintSubject): Finding {
  const { source } = subject.dockerfile;
  const place = span ?? at;
  const start = positionAt(source, place.start);
  const end = positionAt(source, Math.max(place.start, place.end));
  const firstLine = isNode(at) ? at.firstLine : positionAt(source, at.start).line;
  const lastLine = isNode(at) ? at.lastLine : positionAt(source, at.end).line;
  const real = realLine(source, firstLine);
  const moved = real.line - firstLine;
  return {
    rule: rule.name,
    description: rule.description,
    ...(rule.url === undefined ? {} : { url: rule.url }),
    message,
    file: real.source.name,
    text: real.source.text,
    firstLine: firstLine + moved,
    lastLine: lastLine + moved,
    start: { ...start, line: start.line + moved },
    end: { ...end, line: end.line + moved },
    span: { start: place.start, end: Math.max(place.start, place.end) },
  };
}

function isNode(at: SyntaxNode | Span): at is SyntaxNode {
  return 'keyword' in at;
}
