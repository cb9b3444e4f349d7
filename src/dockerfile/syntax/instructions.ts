import type { Healthcheck } from '../../oci/index.ts';
import type { DeviceFlag } from './mounts.ts';
import type { Pair, SyntaxNode, Word } from './tree.ts';

/** An instruction understood: its flags known, its arguments counted. Variables are still as written. */
export type Instruction = FromInstruction | Command;

export type Command =
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | CommandInstruction
  | EnvInstruction
  | LabelInstruction
  | MaintainerInstruction
  | ExposeInstruction
  | UserInstruction
  | WorkdirInstruction
  | VolumeInstruction
  | StopSignalInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | UnsetInstruction
  | SquashInstruction
  | IncludeInstruction;

interface InstructionBase {
  readonly node: SyntaxNode;
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  readonly base: Word;
  /** In lower case; '' when the stage has none. */
  readonly name: string;
  readonly platform?: Word;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly { readonly name: string; readonly value?: string; readonly word: Word }[];
}

/** A command line in shell or JSON form. */
export interface CommandLine {
  /** One word in shell form; none when nothing is written. */
  readonly words: readonly string[];
  readonly isShellForm: boolean;
}

export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: CommandLine;
  /** Read with `readMount` when their variables are known. */
  readonly mounts: readonly Word[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly DeviceFlag[];
  readonly networkFlag?: Word;
  readonly securityFlag?: Word;
  readonly deviceFlags: readonly Word[];
  /** Extension: always carried out. */
  readonly noCache: boolean;
}

/** A file whose content stands in the Dockerfile. */
export interface InlineSource {
  readonly name: string;
  readonly content: string;
  readonly expand: boolean;
}

interface CopyBase extends InstructionBase {
  readonly sources: readonly Word[];
  readonly inline: readonly InlineSource[];
  readonly destination: Word;
  readonly chown?: Word;
  readonly chmod?: Word;
  readonly link: boolean;
  /** Extension: sources that are not there are left out. */
  readonly ifExists: boolean;
  readonly excludes: readonly string[];
}

export interface CopyInstruction extends CopyBase {
  readonly kind: 'copy';
  readonly from?: Word;
  readonly parents: boolean;
}

export interface AddInstruction extends CopyBase {
  readonly kind: 'add';
  readonly keepGitDir?: boolean;
  readonly checksum?: Word;
  readonly unpack?: boolean;
}

export interface CommandInstruction extends InstructionBase {
  readonly kind: 'cmd' | 'entrypoint';
  readonly command: CommandLine;
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly pairs: readonly Pair[];
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly pairs: readonly Pair[];
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly maintainer: string;
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  /** In the order of their texts. */
  readonly ports: readonly Word[];
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: Word;
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: Word;
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly volumes: readonly Word[];
}

export interface StopSignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: Word;
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly string[];
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  readonly healthcheck: Healthcheck;
}

/** Extension: takes away what the base or an earlier instruction has set. */
export interface UnsetInstruction extends InstructionBase {
  readonly kind: 'unset';
  readonly what: 'env' | 'label' | 'expose' | 'volume';
  readonly names: readonly Word[];
}

/** Extension: the layers made between the two become one. */
export interface SquashInstruction extends InstructionBase {
  readonly kind: 'squash';
  readonly what: 'begin' | 'end';
}

/** Extension: stands for the lines of other files; gone before a plan is made. */
export interface IncludeInstruction extends InstructionBase {
  readonly kind: 'include';
  readonly paths: readonly Word[];
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The trigger as text, heredocs included: what the image config keeps. */
  readonly expression: string;
}
