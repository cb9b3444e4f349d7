import { Refusal } from '../syntax/diagnostics.ts';
import type { Command } from '../syntax/instructions.ts';
import { parseSyntax } from '../syntax/parse.ts';
import { readInstruction } from '../syntax/read-instruction.ts';
import { sourceOf } from '../syntax/source.ts';
import type { Stage } from './stage.ts';

/**
 * Reads an ONBUILD trigger, from the base's config or from a stage above. Faults are told at the FROM that runs it.
 * @throws Refusal
 */
export function readTrigger(text: string, stage: Stage): Command {
  const span = stage.from.node;
  const refuse = (why: string): Refusal =>
    new Refusal('ONBUILD_TRIGGER', `the base image ${stage.baseText} has a broken ONBUILD trigger: ${why}`, span);
  const { nodes, diagnostics } = parseSyntax(sourceOf('ONBUILD', text));
  const fault = diagnostics.find(({ severity }) => severity === 'error');
  if (fault !== undefined) throw refuse(fault.message);
  const [node, ...others] = nodes;
  if (node === undefined || others.length > 0) throw refuse('it is not one instruction');
  try {
    const instruction = readInstruction(node);
    if (instruction.kind === 'from') throw refuse('FROM cannot be one');
    return instruction;
  } catch (error) {
    if (error instanceof Refusal && error.fault.code !== 'ONBUILD_TRIGGER') throw refuse(error.message);
    throw error;
  }
}
