import type { Environment } from '../options/assignments.ts';

/** A colour as both palettes have it: 0 to 15 of the sixteen, 16 to 255 of the 256. */
export type Color = readonly [basic: number, extended: number];

/** How a piece of text looks; what is absent is as the terminal is. */
export interface Style {
  readonly color?: Color;
  readonly background?: Color;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly underline?: boolean;
  readonly reverse?: boolean;
}

/** How many colours are used: none, sixteen, 256. */
export type ColorDepth = 0 | 16 | 256;

/** Terminals that have no colours, whatever is wanted. */
const COLORLESS = /^(?:dumb|vt\d+|ansi-m.*|unknown)$/;

/**
 * What the terminal is known to have. `wanted`: nobody asked for none (NO_COLOR) and there is a terminal; bold, reverse
 * and underlined are no colours and always used.
 */
export function colorDepth(env: Environment, wanted: boolean): ColorDepth {
  const term = env['TERM'] ?? '';
  if (!wanted || COLORLESS.test(term)) return 0;
  const isRich =
    /-256|-direct|^(?:xterm-kitty|alacritty|foot|wezterm|ghostty)/.test(term) || (env['COLORTERM'] ?? '') !== '';
  return isRich ? 256 : 16;
}

/** The parameters of "select graphic rendition" (ECMA-48, 8.3.117), beginning with a reset. */
export function renditionOf(style: Style | undefined, depth: ColorDepth): string {
  if (style === undefined) return '0';
  let codes = '0';
  if (style.bold === true) codes += ';1';
  if (style.dim === true) codes += ';2';
  if (style.underline === true) codes += ';4';
  if (style.reverse === true) codes += ';7';
  if (style.color !== undefined) codes += colorCode(style.color, depth, 30);
  if (style.background !== undefined) codes += colorCode(style.background, depth, 40);
  return codes;
}

function colorCode([basic, extended]: Color, depth: ColorDepth, base: 30 | 40): string {
  if (depth === 0) return '';
  if (depth === 256) return `;${base + 8};5;${extended}`;
  return `;${basic < 8 ? base + basic : base + 60 + basic - 8}`;
}
