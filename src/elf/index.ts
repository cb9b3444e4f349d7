/**
 * elf: what a program or library asks of the system that it runs on: its machine, the program interpreter (which says the C
 * library), the libraries that it needs, and the highest version of the symbols of each. Nothing is executed.
 *
 * Files come from images and are foreign: every offset and count is checked, whatever is damaged ends in `undefined` or in
 * less being known, never in a crash, a long loop or a read outside the file.
 */
export { compareSymbolVersions, readElf } from './read-elf.ts';
export type { ByteRange, ElfFile, ElfSource } from './read-elf.ts';
