import { writeContext } from '../contexts.ts';
import type { Workload } from '../types.ts';

const INSTRUCTIONS = 2000;
/** Images of more than 127 layers cannot be run everywhere. */
const LAYERS = 100;

/** A Dockerfile of 2,000 instructions, 100 of which make layers: the cost of an instruction, and of a long config. */
export const instructions2000: Workload = {
  name: 'instructions2000',
  rows({ contexts }) {
    const context = writeContext(contexts, 'instructions2000', { Dockerfile: dockerfile() });
    const build = { context, tag: 'bench/instructions2000' };
    return [
      {
        name: 'instructions2000-cold',
        title: '2,000 instructions, 100 of them small files, cold',
        warmups: 0,
        rounds: 5,
        goal: '≤ 1 s',
        prepare: (contender) => contender !== 'limit' && contender.forget('bench/instructions2000'),
        command: (contender) => contender.build({ ...build, cold: true }),
      },
      {
        name: 'instructions2000-unchanged',
        title: 'same, nothing changed',
        warmups: 0,
        rounds: 5,
        goal: '≤ 0.3 s',
        command: (contender) => contender.build({ ...build, cold: false }),
      },
    ];
  },
};

/** Every twentieth instruction copies a file; the others set variables and labels, and use what the last ones have set. */
function dockerfile(): string {
  const lines = ['FROM busybox:latest', 'ARG ARGUMENT=0', 'ENV VALUE=0'];
  let argument = 'ARGUMENT';
  let value = 'VALUE';
  for (let i = lines.length; i < INSTRUCTIONS; i++) {
    if (i % (INSTRUCTIONS / LAYERS) === 0) lines.push(`COPY <<E /files/${i}\n$${value}\nE`);
    else if (i % 3 === 0) lines.push(`LABEL label.${i}="\${${value}:-none} of ${i}"`);
    else if (i % 3 === 1) lines.push(`ARG ${(argument = `ARGUMENT_${i}`)}=${i}`);
    else lines.push(`ENV ${(value = `VALUE_${i}`)}="value ${i} of \${${argument}}"`);
  }
  return `${lines.join('\n')}\n`;
}
