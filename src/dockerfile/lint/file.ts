import type { Script } from '../shell/script.ts';
import type { Finding } from './build-checks/check.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import type { FromInstruction, Instruction } from '../syntax/instructions.ts';
import type { SyntaxNode, Word } from '../syntax/tree.ts';
import type { MeasuredBuild } from './measured.ts';
import type { LintSettings } from './rule.ts';

/** What the rules look at: a Dockerfile with what can be known of it without building. */
export interface LintFile {
  readonly dockerfile: Dockerfile;
  readonly stages: readonly LintStage[];
  /** Every instruction in the order of the file; that behind ONBUILD follows the ONBUILD as a step of its own. */
  readonly steps: readonly Step[];
  /** What the build checks find; where the file has errors, what they find in the rest. */
  readonly buildChecks: readonly Finding[];
  /** Why it cannot be built, as far as that is known without its bases. */
  readonly buildErrors: readonly Diagnostic[];
  readonly settings: LintSettings;
  /** The last build of this file, where there is a record of it. */
  readonly measured?: MeasuredBuild;
}

export interface LintStage {
  readonly index: number;
  /** In lower case; '' for none. */
  readonly name: string;
  readonly node: SyntaxNode;
  /** Undefined where FROM cannot be read. */
  readonly from: FromInstruction | undefined;
  /** The name of the base with the defaults of variables put in; those without stand in it as written. */
  readonly baseText: string;
  /** The stage that it is built on. */
  readonly base: LintStage | undefined;
  /** The image at the bottom of the stages: '' for scratch or where it is not known. */
  readonly rootImage: string;
  readonly isFinal: boolean;
  readonly steps: readonly Step[];
  /** What holds after its last step. */
  readonly after: StageState;
}

/** One instruction with what holds before it. */
export interface Step {
  readonly node: SyntaxNode;
  /** In lower case. */
  readonly name: string;
  /** Undefined where it cannot be read. */
  readonly instruction: Instruction | undefined;
  /** Stands behind ONBUILD. */
  readonly isTrigger: boolean;
  /** Undefined before the first FROM. */
  readonly stage: LintStage | undefined;
  readonly before: StageState;
  /** Of a RUN whose shell is one that is understood. */
  readonly script?: Script;
}

/** What a stage has set so far, with what it got from the stage below. */
export interface StageState {
  /** Values of ARG and ENV that are known. */
  readonly variables: ReadonlyMap<string, string>;
  /** The names that ENV has set, known or not. */
  readonly environment: ReadonlySet<string>;
  /** As in SHELL; undefined for the default. */
  readonly shell: readonly string[] | undefined;
  readonly user: Setting | undefined;
  readonly workdir: Setting | undefined;
}

/** What an instruction has set last. */
export interface Setting {
  /** With known variables put in. */
  readonly text: string;
  readonly word: Word;
  readonly node: SyntaxNode;
}
