/**
 * The grammar of shells, read by unbash: POSIX and bash in full, with a place for every node and a tree also of broken
 * text. Ours would be two thousand lines that no user of shale asks for. Nothing else imports it.
 */
import { parse, type Script } from 'unbash';

export type {
  ArrayValue,
  Assignment,
  Command,
  CommandNode,
  CompoundList,
  HereDoc,
  HereString,
  PipelineNode,
  Redirect,
  Statement,
  SyntaxNode as ShellNode,
  Word as ShellWord,
  WordPart,
} from 'unbash';

export type ShellTree = Script & {
  readonly errors?: readonly { readonly message: string; readonly pos: number }[] | undefined;
};

/** Reads shell text; never throws, what is wrong stands in `errors`. */
export function parseShell(text: string): ShellTree {
  return parse(text);
}
