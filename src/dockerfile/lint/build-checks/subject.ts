import type { Platform } from '../../../oci/index.ts';
import type { Dockerfile } from '../../syntax/dockerfile.ts';
import type { Command, FromInstruction } from '../../syntax/instructions.ts';
import type { SyntaxNode, Word } from '../../syntax/tree.ts';
import type { Expansion } from '../../syntax/words.ts';

/**
 * What rules look at: a Dockerfile, and what its planning found out. Where planning ends early because something is
 * wrong, the lists end there too, so that the findings are those up to the error.
 */
export interface LintSubject {
  readonly dockerfile: Dockerfile;
  /** The instructions, up to and with the first one that cannot be read. */
  readonly nodes: readonly SyntaxNode[];
  /** True when every instruction could be read, so that there are stages. */
  readonly hasStages: boolean;
  /** The images that FROM names when no build argument is given; undefined where that cannot be said. */
  readonly defaultBases: readonly DefaultBase[] | undefined;
  readonly bases: readonly BaseUse[];
  readonly images: readonly ImageUse[];
  /** In the order in which they are carried out: stage by stage, ONBUILD triggers of the base first. */
  readonly commands: readonly CommandUse[];
}

export interface DefaultBase {
  readonly from: FromInstruction;
  /** Expanded with the defaults of the ARGs alone. */
  readonly text: string;
}

/** A FROM with its variables put in. */
export interface BaseUse {
  readonly from: FromInstruction;
  readonly name: Expansion;
  readonly platform?: Expansion;
  /** The names that FROM can use. */
  readonly variables: readonly string[];
  /** What TARGETPLATFORM says. */
  readonly targetPlatform: string;
}

/** A base image that was resolved. */
export interface ImageUse {
  readonly from: FromInstruction;
  /** As written, expanded. */
  readonly name: string;
  readonly expected: Platform;
  readonly actual: Platform;
}

/** A variable that an instruction uses and nobody has set. */
export interface UndefinedVariable {
  readonly name: string;
  /** What is set there, for a proposal. */
  readonly known: readonly string[];
}

/** A command with what was known when it was carried out. */
export interface CommandUse {
  /** Of the stage, from 0. */
  readonly stageIndex: number;
  readonly instruction: Command;
  /** Where it is told: its own node, or for a trigger that of the FROM which runs it. */
  readonly node: SyntaxNode;
  /** False when it was refused while its variables were put in. */
  readonly isDone: boolean;
  readonly undefinedVariables: readonly UndefinedVariable[];
  /** What its words came to. */
  readonly expansions: ReadonlyMap<Word, Expansion>;
  /** True when SHELL, here or in the base, says which one runs commands in shell form. */
  readonly hasShell: boolean;
  /** True for a WORKDIR before which the stage, and the stages it is built on, have none. */
  readonly isFirstWorkdir: boolean;
  /** The earlier CMD, ENTRYPOINT or HEALTHCHECK of the stage that this one takes the place of. */
  readonly overridden?: SyntaxNode;
  /** Sources of COPY and ADD that the ignore file leaves out, cleaned. */
  readonly ignoredSources: readonly string[];
}
