/**
 * dockerfile: the Dockerfile language, syntax 1.26. `syntax/` reads a file into instructions, expands words and matches
 * ignore patterns; it never throws for what a file holds, but returns diagnostics with their place. `frontend/` turns a
 * Dockerfile with its arguments and base image configs into a build graph and the image's config. `lint/` are the rules, one
 * a file, over what the other two found out. What BuildKit accepts, refuses and warns of is the measure of all. Nothing here touches a disk, a network or a container.
 */
export { quote } from './syntax/characters.ts';
export { formatCodeFrame, formatDiagnostic, type Diagnostic } from './syntax/diagnostics.ts';
export { detectSyntax, type Directive } from './syntax/directives.ts';
export {
  DOCKERFILE_MAX_BYTES,
  hasErrors,
  parseDockerfile,
  type Dockerfile,
  type StageSyntax,
} from './syntax/dockerfile.ts';
export { dumpSyntax } from './syntax/dump.ts';
export { cleanPath, compileIgnore, parseIgnoreFile, type IgnoreMatcher, type IgnoreScope } from './syntax/ignore.ts';
export type * from './syntax/instructions.ts';
export { piecesOf, printDockerfile, type Piece } from './syntax/print.ts';
export { sourceText } from './frontend/failures.ts';
export { positionAt, type Position, type Source, type Span } from './syntax/source.ts';
export type { Body, Heredoc, Pair, SyntaxNode, Word } from './syntax/tree.ts';
export { parseBoolean, parseCsvLine } from './syntax/values.ts';
export { expandWord, ExpansionError, type Expansion, type Lookup, type WordOptions } from './syntax/words.ts';
export { applyFixes, type Fix, type TextEdit } from './lint/fix.ts';
export { lintDockerfile, type LintFinding, type LintOptions, type LintReport } from './lint/lint.ts';
export { megabytes, VOLATILE_FOLDER, type MeasuredBuild, type MeasuredStep } from './lint/measured.ts';
export type { LintFile, LintStage, Step as LintStep } from './lint/file.ts';
export type { Pin } from './lint/pin.ts';
export { rulePage, TOPIC_TITLES } from './lint/rule-page.ts';
export {
  DEFAULT_SETTINGS,
  LABEL_KINDS,
  SEVERITIES,
  type LabelKind,
  type LintFound,
  type LintRule,
  type LintSettings,
  type Severity,
  type Topic,
} from './lint/rule.ts';
export { findRule, RULES } from './lint/rules.ts';
export { linesOfSlots, linesOfStage, type InstructionLines, type LinesOfInstruction } from './slot-lines.ts';
export type { Finding } from './lint/build-checks/check.ts';
export { checkDockerfile, type BuildCheckReport } from './frontend/check.ts';
export { describeDockerfile, type DockerfileDescription } from './frontend/describe.ts';
export { resolveIncludes, type IncludeOptions } from './frontend/include.ts';
export { refuseForeignFrontend } from './frontend/foreign.ts';
export { outlineDockerfile, targetsOf, type Lines, type Outline, type Target } from './frontend/outline.ts';
export type * from './frontend/plan.ts';
export { transpileDockerfile, type Transpiled } from './frontend/transpile.ts';
export { toGraph } from './frontend/to-graph.ts';
export { HISTORY_COMMENT } from './frontend/scene.ts';
