/**
 * web: what `shale explore` shows in a browser: a page that is served on loopback, or written as one file that needs nothing.
 * The page's own script and style are in `ui/explore/`; here is what gives them to browsers with the data that they show.
 *
 * Invariants:
 * - Nothing of an image is ever part of HTML or of a script: it travels as JSON, or as bytes to be saved, and the page puts it
 *   into the document as text.
 * - Who does not know the address's token learns nothing, and nothing can be changed: there is only GET.
 * - The page asks no other server for anything, and its Content-Security-Policy keeps it from doing so.
 */
export { pageText } from './page-text.ts';
export type { PageText } from './page-text.ts';
export { servePage } from './serve-page.ts';
export type { ServePageOptions } from './serve-page.ts';
export { standalonePage } from './standalone-page.ts';
export type * from './wire.ts';
