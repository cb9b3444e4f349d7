import { Refusal } from '../syntax/diagnostics.ts';
import type { Span } from '../syntax/source.ts';
import type { Command } from '../syntax/instructions.ts';
import { buildArg, type BuildArgs } from './arguments.ts';
import { Environment } from './environment.ts';
import { expandAt } from './expand.ts';

/**
 * The ARGs that are in scope at a place of a stage, known before any base image is: what the extended language puts into
 * `COPY --from` and INCLUDE. ENV is not among them, since a base image may set it too.
 */
export class ArgScope {
  readonly #globals: Environment;
  readonly #args: BuildArgs;
  readonly #escape: string;
  readonly #values: Environment;

  constructor(globals: Environment, args: BuildArgs, escape: string, values: Environment = new Environment()) {
    this.#globals = globals;
    this.#args = args;
    this.#escape = escape;
    this.#values = values;
  }

  /** The scope with which a stage on top of this one begins. */
  derive(): ArgScope {
    return new ArgScope(this.#globals, this.#args, this.#escape, this.#values.copy());
  }

  /** Goes past an instruction. @throws Refusal for a default that cannot be expanded */
  pass(instruction: Command): void {
    if (instruction.kind !== 'arg') return;
    for (const { name, value, word } of instruction.args) {
      const given = buildArg(this.#args, name);
      const set = given ?? (value === undefined ? this.#globals.get(name) : this.#default(value, word));
      if (set !== undefined) this.#values.set(name, set);
    }
  }

  #default(text: string, span: Span): string {
    return expandAt(text, this.#values.lookup, { escape: this.#escape }, span).text;
  }

  /** @throws Refusal also for a variable that is not set */
  expand(text: string, span: Span): string {
    const expansion = expandAt(text, this.#values.lookup, { escape: this.#escape }, span);
    const [unset] = expansion.unmatched;
    // A default or a replacement may have been meant for it.
    if (unset === undefined || !new RegExp(`\\$(?:${unset}\\b|\\{${unset}\\})`).test(text)) return expansion.text;
    throw new Refusal('ARG_UNSET', `the variable ${unset} is not set here`, span, `ARG ${unset}=default, above it`);
  }
}
