import type { CaseGroup } from '../cases.ts';

/** Every form of a variable, shown by labels, which change nothing else. */
export const variables: CaseGroup = {
  name: 'variables',
  from: 'Dockerfile reference, "Environment replacement"',
  cases: [
    {
      name: 'with and without braces, escaped, and next to text',
      dockerfile: ['FROM busybox', 'ENV foo=/bar', 'LABEL a=$foo b=${foo} c=\\$foo d=\\${foo} e=x${foo}y f=$foo/z'],
    },
    {
      name: ':- and - give a default',
      dockerfile: [
        'FROM busybox',
        'ENV set=1 empty=',
        'LABEL a=${set:-d} b=${empty:-d} c=${none:-d} d=${set-d} e=${empty-d} f=${none-d}',
      ],
    },
    {
      name: ':+ and + give a replacement',
      dockerfile: [
        'FROM busybox',
        'ENV set=1 empty=',
        'LABEL a=${set:+r} b=${empty:+r} c=${none:+r} d=${set+r} e=${empty+r} f=${none+r}',
      ],
    },
    {
      name: ':? and ? let a set variable through',
      dockerfile: ['FROM busybox', 'ENV set=1 empty=', 'LABEL a=${set:?no} b=${set?no} c=${empty?no}'],
    },
    { name: 'an unset variable with :? is refused', dockerfile: ['FROM busybox', 'LABEL a="${none:?it is needed}"'] },
    {
      name: 'an empty variable with :? is refused',
      dockerfile: ['FROM busybox', 'ENV empty=', 'LABEL a="${empty:?it is needed}"'],
    },
    { name: 'an unset variable with ? is refused', dockerfile: ['FROM busybox', 'LABEL a=${none?}'] },
    {
      name: 'a default can be a variable, and nest',
      dockerfile: ['FROM busybox', 'ENV a=1', 'LABEL x=${none:-$a} y=${none:-${other:-${a}}} z=${none:-"q u"}'],
    },
    {
      name: '# and ## cut the beginning',
      dockerfile: [
        'FROM busybox',
        'ENV str=foobarbaz',
        'LABEL a=${str#f*b} b=${str##f*b} c=${str#x} d=${str#*a} e=${str##*a}',
      ],
    },
    {
      name: '% and %% cut the end',
      dockerfile: [
        'FROM busybox',
        'ENV string=foobarbaz',
        'LABEL a=${string%b*} b=${string%%b*} c=${string%x} d=${string%?}',
      ],
    },
    {
      name: '/ and // replace',
      dockerfile: [
        'FROM busybox',
        'ENV string=foobarbaz p=a.b.c',
        'LABEL a=${string/ba/fo} b=${string//ba/fo} c=${p//./-} d=${p/?/x} e=${string//b*/y}',
      ],
    },
    {
      name: 'a slash in a pattern is escaped',
      dockerfile: ['FROM busybox', 'ENV path=a/b/c', 'LABEL a=${path//\\//-} b=${path##*/} c=${path%/*}'],
    },
    {
      name: 'one value holds for the whole instruction',
      dockerfile: ['FROM busybox', 'ENV abc=hello', 'ENV abc=bye def=$abc', 'ENV ghi=$abc'],
    },
    {
      name: 'quotes decide what is expanded',
      dockerfile: ['FROM busybox', 'ENV v=1', `LABEL a="$v" b='$v' c=x"$v"'$v'z d="a b" e='a"b' f=a\\ b`],
    },
    {
      name: 'names of labels and variables can be variables',
      dockerfile: ['FROM busybox', 'ENV name=key', 'LABEL $name=value "${name}.x"=y', 'ENV ${name}_2=z'],
    },
    {
      name: 'USER, WORKDIR, EXPOSE, VOLUME and STOPSIGNAL are expanded',
      dockerfile: [
        'FROM busybox',
        'ENV u=nobody w=/work p=81 v=/data s=SIGINT',
        'USER $u:$u',
        'WORKDIR $w/$u',
        'EXPOSE $p $p/udp',
        'VOLUME $v ["$v/2"]',
        'STOPSIGNAL $s',
      ],
    },
    {
      name: 'VOLUME in JSON form is expanded',
      dockerfile: ['FROM busybox', 'ENV v=/data', 'VOLUME ["$v", "${v}2"]'],
    },
    {
      name: 'CMD, ENTRYPOINT and HEALTHCHECK are not expanded',
      dockerfile: ['FROM busybox', 'ENV v=1', 'CMD ["$v"]', 'ENTRYPOINT echo $v', 'HEALTHCHECK CMD echo $v'],
    },
    { name: 'an unknown operator is refused', dockerfile: ['FROM busybox', 'LABEL a=${v:x}'] },
    { name: 'a brace without an end is refused', dockerfile: ['FROM busybox', 'LABEL a=${v'] },
    {
      name: 'a variable with another escape character',
      dockerfile: ['# escape=`', 'FROM busybox', 'ENV v=1', 'LABEL a=`$v b=\\$v c="`"$v`""'],
    },
    { name: 'a dollar alone stays', dockerfile: ['FROM busybox', 'LABEL a=$ b="$ x" c=1$ d=$1'] },
  ],
};
