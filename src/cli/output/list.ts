import { ShaleError } from '../../base/index.ts';
import { suggest } from '../suggest.ts';
import { UsageError } from '../usage-error.ts';
import { formatTable } from './table.ts';
import { compileTemplate, type Template } from './template.ts';

/** A column that `--format` can name; `title` is what the header says. */
export interface Column<Row> {
  readonly name: string;
  readonly title: string;
  readonly value: (row: Row) => string;
}

export interface ListOptions {
  /** `--format`: `table`, `json`, `table TEMPLATE` or a Go template; none gives the table. */
  readonly format?: string | undefined;
  /** `--quiet`: the one value per line that scripts want. */
  readonly quiet?: boolean;
}

/** How a command prints rows: all columns by name, those of the default table, and what `--quiet` leaves. */
export interface ListLayout<Row> {
  readonly columns: readonly Column<Row>[];
  readonly table: readonly string[];
  readonly quiet: string;
  /** What templates can call beside: `.Label "name"`. */
  readonly methods?: Readonly<Record<string, (row: Row, argument: string) => string>>;
}

/**
 * Rows as text, in docker's forms.
 * @throws USAGE for a template that cannot be read or names an unknown column.
 */
export function formatList<Row>(rows: readonly Row[], layout: ListLayout<Row>, options: ListOptions): string {
  const { format } = options;
  if (options.quiet === true && format === undefined) {
    return rows.map((row) => `${column(layout, layout.quiet).value(row)}\n`).join('');
  }
  if (format === undefined || format === 'table' || format === '') return defaultTable(rows, layout);
  if (format === 'json')
    return recordsOf(rows, layout)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('');
  if (/^table\s/.test(format)) return templateTable(rows, layout, format.slice('table'.length).trim());
  const template = checked(layout, format);
  return rows.map((row) => `${template.render(withMethods(layout, row))}\n`).join('');
}

/** Rows as `--format json` has them: all columns by name, in the words of the table. */
export function recordsOf<Row>(rows: readonly Row[], layout: ListLayout<Row>): Record<string, string>[] {
  return rows.map((row) => record(layout, row));
}

function column<Row>(layout: ListLayout<Row>, name: string): Column<Row> {
  const found = layout.columns.find((one) => one.name === name);
  if (found === undefined) throw new ShaleError('INVARIANT', `the layout has a column ${name}`);
  return found;
}

function defaultTable<Row>(rows: readonly Row[], layout: ListLayout<Row>): string {
  const columns = layout.table.map((name) => column(layout, name));
  return formatTable([columns.map((one) => one.title), ...rows.map((row) => columns.map((one) => one.value(row)))]);
}

/** `table {{.ID}}\t{{.Names}}`: cells are what stands between tabs, the header comes from the titles. */
function templateTable<Row>(rows: readonly Row[], layout: ListLayout<Row>, text: string): string {
  const template = checked(layout, text.replaceAll('\\t', '\t'));
  const titles = Object.fromEntries(layout.columns.map((one) => [one.name, one.title]));
  const lines = [titles, ...rows.map((row) => withMethods(layout, row))].map((row) => template.render(row));
  return formatTable(lines.map((line) => line.split('\t')));
}

function record<Row>(layout: ListLayout<Row>, row: Row): Record<string, string> {
  return Object.fromEntries(layout.columns.map((one) => [one.name, one.value(row)]));
}

function withMethods<Row>(layout: ListLayout<Row>, row: Row): Record<string, unknown> {
  const methods = Object.entries(layout.methods ?? {}).map(([name, call]): [string, unknown] => [
    name,
    (argument = '') => call(row, argument),
  ]);
  return { ...record(layout, row), ...Object.fromEntries(methods) };
}

function checked<Row>(layout: ListLayout<Row>, text: string): Template {
  const template = compileTemplate(text);
  const names = [...layout.columns.map((one) => one.name), ...Object.keys(layout.methods ?? {})];
  const unknown = template.fields.find((field) => !names.includes(field));
  if (unknown !== undefined) {
    const near = suggest(unknown, names);
    throw new UsageError(
      `--format: there is no field .${unknown}`,
      near === undefined ? `the fields are ${names.map((name) => `.${name}`).join(' ')}` : `did you mean .${near}?`,
    );
  }
  return template;
}
