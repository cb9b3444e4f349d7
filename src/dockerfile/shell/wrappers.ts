import { programName, type Field } from './script.ts';

/** Programs that start the one named by their arguments, with the options of theirs that take a value. */
const WRAPPERS: Readonly<Record<string, string>> = {
  sudo: '-u -g -C -h -p -U -r -t -T -R -D',
  doas: '-u -C',
  env: '-u -C -S',
  nice: '-n',
  ionice: '-c -n -p',
  nohup: '',
  time: '-f -o',
  timeout: '-k -s',
  exec: '-a',
  command: '',
  builtin: '',
  eatmydata: '',
  xargs: '-I -n -P -L -s -d -E -a',
  retry: '-t -d',
  chroot: '',
  setarch: '',
  gosu: '',
  'su-exec': '',
};
/** Of these the first argument is no program: a duration, a folder, a user. */
const LEADING_ARGUMENTS: ReadonlySet<string> = new Set(['timeout', 'chroot', 'setarch', 'gosu', 'su-exec']);

/** The words of the program that a wrapper starts; undefined when `words` begin with no wrapper, or with nothing behind it. */
export function unwrap(words: readonly Field[]): readonly Field[] | undefined {
  const name = programName(words[0]?.text ?? '');
  const valued = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name]?.split(' ') : undefined;
  if (valued === undefined) return undefined;
  let at = 1;
  for (; at < words.length; at++) {
    const text = words[at]?.text ?? '';
    if (text === '--') {
      at++;
      break;
    }
    if (name === 'command' && /^-[vV]$/.test(text)) return undefined;
    if (text.startsWith('-') && text.length > 1) {
      if (valued.includes(text)) at++;
      continue;
    }
    if ((name === 'env' || name === 'sudo') && /^[A-Za-z_]\w*=/.test(text)) continue;
    break;
  }
  if (LEADING_ARGUMENTS.has(name)) at++;
  const rest = words.slice(at);
  return rest.length === 0 ? undefined : rest;
}
