/** Neither an address (`target:NAME` included) nor standard input: a path on this machine. */
export function isPlainPath(context: string): boolean {
  return context !== '-' && !/^(?:[a-z][a-z+-]*:\/\/|target:|git@|github\.com\/)/.test(context);
}
