const NAMES: ReadonlySet<string> = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

/** True for a signal's number (but 0) or its Linux name, with or without SIG. */
export function isSignal(text: string): boolean {
  if (/^[-+]?\d+$/.test(text)) return Number(text) !== 0;
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (NAMES.has(name)) return true;
  const realTime = /^RT(?:MIN\+(\d{1,2})|MAX-(\d{1,2}))$/.exec(name);
  if (realTime === null) return false;
  const offset = Number(realTime[1] ?? realTime[2]);
  return offset >= 1 && offset <= (realTime[1] === undefined ? 14 : 15);
}
