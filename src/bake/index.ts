/**
 * bake: files that say what to build, as plain data. HCL and JSON bake files and the build sections of compose files are
 * read, evaluated and resolved to targets: groups, inheritance, matrices, variables, functions, overrides, linked contexts.
 * docker buildx bake is the measure. Nothing here touches a disk, a network or the environment, and nothing is built; an
 * error names file, line and column.
 */
export type { Definition, Group, TargetDefinition } from './definition.ts';
export { formatEntry, type Entry, type EntryKind } from './entries.ts';
export { FIELDS, type Field, type FieldForms, type Fields, type FieldValue } from './fields.ts';
export { LAZY_FUNCTIONS, REFUSED_FUNCTIONS, standardFunctions } from './functions/index.ts';
export type { VariableInfo } from './globals.ts';
export { DEFAULT_FILES, loadDefinition, type LoadOptions } from './load.ts';
export { printable } from './print.ts';
export { isPlainPath, pathHere } from './places.ts';
export { folderAt, isWebFile } from './remote.ts';
export { linksOf, resolvePlan, type BakePlan, type ResolveOptions } from './resolve.ts';
export type { SourceFile } from './source.ts';
export { toJson, type Value } from './value.ts';
