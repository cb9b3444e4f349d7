/** What a record may hold: plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** Milliseconds since 1970, as `Date.now()` gives them. */
export type TimeMs = number;
