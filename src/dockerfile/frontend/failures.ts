import { invariant, ShaleError, type ErrorData } from '../../base/index.ts';
import { diagnosticAt, formatCodeFrame, lastLineOf, Refusal, type Diagnostic } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { sourceNamed, type Source } from '../syntax/source.ts';
import { BaseFailure } from './bases.ts';

const PLAN_ERROR = { severity: 'error', phase: 'plan' } as const;

/** The diagnostic of what stopped a plan; undefined for an error that is no fault of the file. */
export function planDiagnostic(error: unknown, { source }: Dockerfile): Diagnostic | undefined {
  if (!(error instanceof Refusal)) return undefined;
  return diagnosticAt(source, error.span ?? { start: 0, end: 0 }, PLAN_ERROR, error.fault);
}

/** What stopped a plan, as it is thrown: a fault of the file, or a base image that could not be had. */
export function planFailure(error: unknown, dockerfile: Dockerfile): unknown {
  if (error instanceof BaseFailure) {
    const fault = { code: 'BASE_IMAGE_FAILED', message: error.message };
    const place = diagnosticAt(dockerfile.source, error.source.span, PLAN_ERROR, fault);
    return error.at(`${place.file}:${place.start.line}`, placeData(place, dockerfile.source));
  }
  const diagnostic = planDiagnostic(error, dockerfile);
  return diagnostic === undefined ? error : refused(dockerfile, [...dockerfile.diagnostics, diagnostic]);
}

/** The error that counts: what stops reading comes before what only stops building. */
export function firstError(diagnostics: readonly Diagnostic[]): Diagnostic | undefined {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return errors.find(({ phase }) => phase === 'parse') ?? errors[0];
}

/** The text of the file of that name, among those that a Dockerfile is made of. */
export function sourceText({ source }: Dockerfile, file: string): string {
  return sourceNamed(source, file).text;
}

/** DOCKERFILE_INVALID with all diagnostics, of which there is at least one error. */
export function refused(dockerfile: Dockerfile, diagnostics: readonly Diagnostic[]): ShaleError {
  const first = firstError(diagnostics);
  invariant(first !== undefined, 'a refused Dockerfile has an error');
  return new ShaleError('DOCKERFILE_INVALID', `${first.file}:${first.start.line}: ${first.message}`, {
    data: { diagnostics, ...placeData(first, dockerfile.source) },
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

/** The place of an error as the command line shows it: `excerpt` as lines, `frame` as text with a caret. */
function placeData(diagnostic: Diagnostic, source: Source): ErrorData {
  const { file, start } = diagnostic;
  return {
    file,
    line: start.line,
    column: start.column,
    excerpt: { file, text: sourceNamed(source, file).text, firstLine: start.line, lastLine: lastLineOf(diagnostic) },
    frame: formatCodeFrame(diagnostic, source),
  };
}
