/**
 * The version of everything that decides a layer's bytes and an image's id: tar rules, history texts, RUN's surroundings,
 * the noise list. It is part of every key. Golden tests pin what it promises (docs/formats.md).
 */
export const FORMAT_VERSION = '1';
