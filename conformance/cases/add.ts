import type { CaseGroup } from '../cases.ts';

/** A tar with d/ (0750), d/f, d/l → f and top (0600), compressed. */
const TAR_GZ =
  'H4sIAAAAAAACA+3WMQoDIRAF0Kn3FHsDjZnR8wSMEFhIyO7eP0MMIUiKbZzG/5oRG4vPV7Oj7rxK4t9TtbOu05mjsNT9GILQLGRgX7fLU4+kMWVXTPKPzJ+8U52n3/ylzZ91a/bIv7tyW64Twai2+8Om/9/7/l//ue2/hIj+G+WP+g8su8X4/T/0/xPW/oeC/gMA9PIC8HMoggAQAAA=';
const TAR_BZ2 =
  'QlpoOTFBWSZTWZBR+AoAAJrbgPmQQAD/gAAD5yTeAAjoMAC4sJUTQAAADQZPUMYTE0GCMQyMJgVRKeKn6p6m1NND1NlHpADfb27qc84fxmlTAhXyT7mi2kzyUSk53rTgYISRvy4G8ea0MaKELGdCFSQ1jawcalDR2a4y8DDW8WhsXyxfGDCK0yukXAC9hYMUHgPejWzwtZ7KOHB8HwJMiktBVxdyRThQkJBR+Ao=';
const FILES = {
  'a.txt': 'a',
  'dir/b.txt': 'b',
  't.tgz': { base64: TAR_GZ },
  t: { base64: TAR_BZ2 },
} as const;

export const add: CaseGroup = {
  name: 'add',
  from: 'Dockerfile reference, "ADD"',
  cases: [
    { name: 'a file and a folder', files: FILES, dockerfile: ['FROM busybox', 'ADD a.txt /x/', 'ADD dir /y'] },
    { name: 'an archive is unpacked', files: FILES, dockerfile: ['FROM busybox', 'ADD t.tgz /x/'] },
    {
      name: 'whatever its compression and name',
      files: FILES,
      dockerfile: ['FROM busybox', 'ADD t /y/'],
    },
    {
      name: 'onto a folder that is there',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN mkdir -m 711 /x && mkdir -m 711 /x/d', 'ADD t.tgz /x'],
    },
    { name: '--chown of an archive', files: FILES, dockerfile: ['FROM busybox', 'ADD --chown=1:2 t.tgz /x/'] },
    { name: '--chmod of a file', files: FILES, dockerfile: ['FROM busybox', 'ADD --chmod=711 a.txt /x'] },
    {
      name: '--unpack=false keeps an archive',
      files: FILES,
      dockerfile: ['FROM busybox', 'ADD --unpack=false t.tgz /x/'],
    },
    { name: 'a pattern of archives and files', files: FILES, dockerfile: ['FROM busybox', 'ADD t* a.* /x/'] },
    { name: '--exclude', files: FILES, dockerfile: ['FROM busybox', 'ADD --exclude=t* . /x/'] },
    {
      name: '--checksum of a file is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'ADD --checksum=sha256:aa a.txt /x'],
    },
    { name: 'COPY keeps an archive', files: FILES, dockerfile: ['FROM busybox', 'COPY t.tgz /x/'] },
  ],
};
