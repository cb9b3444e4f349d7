/** Neither an address (`target:NAME` included) nor standard input: a path on this machine. */
export function isPlainPath(context: string): boolean {
  return context !== '-' && !/^(?:[a-z][a-z+-]*:\/\/|target:|git@|github\.com\/)/.test(context);
}

/** Begins a path where the command was started, wherever the definition is from. */
const HERE = 'cwd://';

/** The path of `cwd://PATH`, where the command was started: `.` where there is none; undefined for any other text. */
export function pathHere(text: string): string | undefined {
  return text.startsWith(HERE) ? text.slice(HERE.length) || '.' : undefined;
}
