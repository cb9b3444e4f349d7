import type { FileLook } from '../../../explore/index.ts';
import type { Line } from '../../terminal/screen.ts';
import { shownText } from '../../terminal/shown-text.ts';
import { field } from '../lines.ts';

/** What a program or library needs. */
export function elfLines(elf: FileLook['elf'], columns: number): Line[] {
  if (elf === undefined) return [];
  const versions = [...elf.versions].flatMap(([library, names]) =>
    field('', shownText(`${library}: ${names.join(' ')}`), columns),
  );
  return [
    ...field('ELF', `${elf.kind}, ${elf.bits} bit, ${shownText(elf.machine)}`, columns),
    ...field(
      'Starts by',
      elf.interpreter === undefined ? 'itself: static, or a library' : shownText(elf.interpreter),
      columns,
    ),
    ...(elf.soname === undefined ? [] : field('Soname', shownText(elf.soname), columns)),
    ...elf.needed.flatMap((library, index) => field(index === 0 ? 'Needs' : '', shownText(library), columns)),
    ...(elf.runPath.length === 0 ? [] : field('Run path', shownText(elf.runPath.join(':')), columns)),
    ...(versions.length === 0
      ? []
      : [...field('Versions', 'of symbols that it needs, by library', columns), ...versions]),
    ...(elf.defines.length === 0 ? [] : field('Defines', shownText(elf.defines.join(' ')), columns)),
  ];
}
