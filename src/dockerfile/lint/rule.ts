import type { Span } from '../syntax/source.ts';
import type { LintFile } from './file.ts';
import type { Fix } from './fix.ts';
import type { MeasuredBuild } from './measured.ts';
import type { Pin } from './pin.ts';

export type Severity = 'error' | 'warning' | 'info' | 'style';

/** From the mildest to the worst. */
export const SEVERITIES: readonly Severity[] = ['style', 'info', 'warning', 'error'];

/** The folders of `rules/`. */
export type Topic =
  | 'structure'
  | 'stages'
  | 'variables'
  | 'bases'
  | 'files'
  | 'secrets'
  | 'packages'
  | 'languages'
  | 'shell'
  | 'image'
  | 'labels'
  | 'meta'
  | 'measured';

/**
 * How far a rule's mend goes. `safe`: the image is the same in all that a program can see, or differs as the page says.
 * `unsafe`: somebody has to agree. `pin`: a version is looked up. `none`: told only.
 */
export type FixKind = 'safe' | 'unsafe' | 'pin' | 'none';

/**
 * A rule of `shale lint`: data in, findings out; it remembers nothing. What stands here is also its page in `docs/lint/` and
 * what `--explain` prints, and its examples are tests: `bad` is found, `good` is not, and the fix makes one of the other.
 */
export interface LintRule {
  /** Ours: words joined by `-`. */
  readonly id: string;
  /** What other linters call it: `DL3008`, BuildKit's name, `DS-0029`, `CKV_DOCKER_7`. */
  readonly aliases: readonly string[];
  readonly topic: Topic;
  readonly severity: Severity;
  /** Runs only where a config or `--enable` asks for it. */
  readonly isOptional?: true;
  /** What is asked of a Dockerfile: one line, lower case, no full stop. */
  readonly title: string;
  /** Paragraphs: what goes wrong otherwise. */
  readonly why: string;
  readonly bad: string;
  readonly good: string;
  readonly fix: FixKind;
  /** What the mend changes in the image; absent where it changes nothing of its file system. */
  readonly changes?: string;
  /** The settings that the rule reads, for the examples. */
  readonly settings?: Partial<LintSettings>;
  /** The record of a build of `bad`, where the rule needs one. */
  readonly record?: MeasuredBuild;
  /** The lines of the ignore file, for the examples. */
  readonly ignorePatterns?: readonly string[];
  check(file: LintFile): Iterable<LintFound>;
}

/** What a rule found, before anybody asked whether it may be said. */
export interface LintFound {
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** Exactly what is meant. */
  readonly span: Span;
  readonly fix?: Fix;
  readonly pin?: Pin;
  /** The name of what was found where the rule stands for many: `SC2086`. */
  readonly code?: string;
  /** Milder or worse than the rule itself. */
  readonly severity?: Severity;
}

/** What people can set for rules. */
export interface LintSettings {
  /** Registries that images may come from; empty: any. With `*` at either end. */
  readonly trustedRegistries: readonly string[];
  /** Labels that an image must have, with the form of their values. */
  readonly labels: Readonly<Record<string, LabelKind>>;
  /** No label may be given that is not in `labels`. */
  readonly strictLabels: boolean;
}

export const LABEL_KINDS = ['text', 'rawtext', 'url', 'rfc3339', 'spdx', 'hash', 'semver', 'email'] as const;
export type LabelKind = (typeof LABEL_KINDS)[number];

export const DEFAULT_SETTINGS: LintSettings = { trustedRegistries: [], labels: {}, strictLabels: false };
