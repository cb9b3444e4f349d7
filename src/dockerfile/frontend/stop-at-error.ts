import { posix } from 'node:path';

const SHELLS = /^(?:a|ba|da|k|z)?sh$/;
const STOP = 'set -e\n';

/**
 * A heredoc's script that ends at the first command that fails, as the extended language has it; scripts for anything but
 * a shell as they are. `shell` is what runs a script that does not say so itself.
 */
export function stopAtError(script: string, shell: readonly string[]): string {
  if (!script.startsWith('#!')) return isShell(shell[0] ?? '') ? STOP + script : script;
  const end = script.indexOf('\n') + 1;
  const [program = '', argument = ''] = script.slice(2, end).trim().split(/\s+/);
  const interpreter = posix.basename(program) === 'env' ? argument : program;
  return end > 0 && isShell(interpreter) ? script.slice(0, end) + STOP + script.slice(end) : script;
}

function isShell(program: string): boolean {
  return SHELLS.test(posix.basename(program));
}
