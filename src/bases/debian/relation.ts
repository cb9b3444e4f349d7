import { ShaleError } from '../../base/index.ts';
import type { VersionOperator } from './version.ts';

/** One alternative of a relation field (Debian policy 7.1): a package, maybe of some versions. */
export interface Relation {
  readonly name: string;
  /** After the colon: `any`, `native` or an architecture. */
  readonly qualifier: string | undefined;
  readonly constraint: VersionConstraint | undefined;
}

export interface VersionConstraint {
  readonly operator: VersionOperator;
  readonly version: string;
}

/** Alternatives, any one of which is enough. */
export type Alternatives = readonly Relation[];

const RELATION =
  /^([A-Za-z0-9][A-Za-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([A-Za-z0-9.+~:-]+)\s*\))?$/;
const RELATIONS_MAX = 5000;

/**
 * Reads Depends, Pre-Depends, Conflicts, Breaks, Replaces or Provides.
 * @throws CONTROL_MALFORMED.
 */
export function parseRelations(text: string | undefined): Alternatives[] {
  if (text === undefined || text.trim() === '') return [];
  const groups = text.split(',').filter((group) => group.trim() !== '');
  if (groups.length > RELATIONS_MAX) throw malformed(text);
  return groups.map((group) => group.split('|').map((each) => parseRelation(each.trim())));
}

function parseRelation(text: string): Relation {
  const match = RELATION.exec(text);
  const name = match?.[1];
  if (match === null || name === undefined) throw malformed(text);
  const version = match[4];
  return {
    name,
    qualifier: match[2],
    constraint: version === undefined ? undefined : { operator: operatorOf(match[3] ?? '='), version },
  };
}

function operatorOf(text: string): VersionOperator {
  switch (text) {
    // The old single signs mean "or equal" (Debian policy 7.1).
    case '<':
    case '<=':
      return '<=';
    case '>':
    case '>=':
      return '>=';
    case '<<':
    case '>>':
      return text;
    default:
      return '=';
  }
}

/** As it stands in a control file. */
export function formatRelation(relation: Relation): string {
  const name = relation.qualifier === undefined ? relation.name : `${relation.name}:${relation.qualifier}`;
  return relation.constraint === undefined
    ? name
    : `${name} (${relation.constraint.operator} ${relation.constraint.version})`;
}

export function formatAlternatives(alternatives: Alternatives): string {
  return alternatives.map(formatRelation).join(' | ');
}

function malformed(text: string): ShaleError {
  const shown = JSON.stringify(text.slice(0, 100));
  return new ShaleError('CONTROL_MALFORMED', `${shown} is not a relation between packages`, { data: { text } });
}
