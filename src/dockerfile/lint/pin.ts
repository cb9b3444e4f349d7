import type { Word } from '../syntax/tree.ts';
import { insertion, type TextEdit } from './fix.ts';

/** A version that somebody has to look up: in a signed package index, a registry, or the lock file. */
export interface Pin {
  readonly kind: 'image' | 'apt' | 'apk' | 'npm' | 'pip' | 'gem';
  /** The package, or the image as it is written. */
  readonly name: string;
  /** The base image of the stage, which says which index is meant. */
  readonly base: string;
  /** The change to the file, once the version (of an image: the digest) is known. */
  readonly edit: (version: string) => TextEdit;
}

/** The pin of an image to its digest; `tag` is what is written in front of it where the name has none. */
export function imagePin(word: Word, name: string, tag: string): { readonly pin?: Pin } {
  // With a variable in it the name is that of today's default only.
  if (word.text !== name) return {};
  return { pin: { kind: 'image', name, base: name, edit: (digest) => insertion(word.end, `${tag}@${digest}`) } };
}
