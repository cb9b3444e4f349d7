import type { CaseGroup } from '../cases.ts';

export const heredocs: CaseGroup = {
  name: 'heredocs',
  from: 'Dockerfile reference, "Here-Documents"',
  cases: [
    { name: 'a script', dockerfile: ['FROM busybox', 'RUN <<EOF', 'mkdir -p /foo/bar', 'echo hello > /foo/x', 'EOF'] },
    {
      name: 'a script goes on after an error',
      dockerfile: ['FROM busybox', 'RUN <<EOF', 'false', 'echo on > /x', 'EOF'],
    },
    {
      name: 'an interpreter by its first line',
      dockerfile: ['FROM busybox', 'RUN <<EOF', '#!/bin/sh -e', 'echo $0 > /x', 'EOF'],
    },
    {
      name: 'variables are the shell’s',
      dockerfile: ['FROM busybox', 'ARG A=1', 'RUN <<EOF', 'B=2', 'echo $A $B > /x', 'EOF'],
    },
    {
      name: 'given to a command',
      dockerfile: ['FROM busybox', 'RUN cat > /x <<EOF', 'a $HOME', 'EOF', "RUN cat > /y <<'EOF'", 'a $HOME', 'EOF'],
    },
    {
      name: 'several for one command',
      dockerfile: ['FROM busybox', 'RUN cat <<A > /a && cat <<B > /b', 'one', 'A', 'two', 'B'],
    },
    {
      name: 'COPY of an inline file',
      dockerfile: ['FROM busybox', 'COPY <<EOF /x/robots.txt', 'User-agent: *', 'EOF'],
    },
    {
      name: 'COPY of several into a folder',
      dockerfile: ['FROM busybox', 'COPY <<one.txt <<two.txt /x/', 'first', 'one.txt', 'second', 'two.txt'],
    },
    {
      name: 'COPY puts variables in',
      dockerfile: ['FROM busybox', 'ARG A=1', 'COPY <<EOF /x', 'a=$A b=${B:-2} c="\\$A"', 'EOF'],
    },
    {
      name: 'COPY of a quoted one does not',
      dockerfile: ['FROM busybox', 'ARG A=1', 'COPY <<"EOF" /x', 'a=$A', 'EOF'],
    },
    {
      name: '<<- drops tabs',
      dockerfile: [
        'FROM busybox',
        'COPY <<-EOF /x',
        '\ta',
        '\t\tb',
        '  c',
        '\tEOF',
        'RUN <<-S',
        '\techo y > /y',
        '\tS',
      ],
    },
    {
      name: 'an inline file and a file',
      files: { f: 'f' },
      dockerfile: ['FROM busybox', 'COPY f <<g.txt /x/', 'g', 'g.txt'],
    },
    {
      name: '--chmod and --chown of an inline file',
      dockerfile: ['FROM busybox', 'COPY --chmod=755 --chown=1:2 <<EOF /x.sh', '#!/bin/sh', 'EOF'],
    },
    { name: 'ADD of an inline file', dockerfile: ['FROM busybox', 'ADD <<EOF /x', 'a', 'EOF'] },
    {
      name: 'in ONBUILD',
      dockerfile: [
        'FROM busybox AS b',
        'ONBUILD RUN <<EOF',
        'echo a > /a',
        'EOF',
        'ONBUILD COPY <<EOF /b',
        'b',
        'EOF',
        'FROM b',
      ],
    },
    { name: 'an empty one', dockerfile: ['FROM busybox', 'COPY <<EOF /x', 'EOF', 'RUN <<EOF', 'EOF'] },
    { name: 'without an end is refused', dockerfile: ['FROM busybox', 'RUN <<EOF', 'x'] },
    {
      name: 'as a destination is refused',
      files: { f: 'f' },
      dockerfile: ['FROM busybox', 'COPY f <<EOF', 'x', 'EOF'],
    },
    {
      name: 'a comment and a continuation inside stay',
      dockerfile: ['FROM busybox', 'COPY <<EOF /x', '# not a comment', 'a \\', 'b', '', 'EOF'],
    },
  ],
};
