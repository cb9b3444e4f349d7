import type { CaseGroup } from '../cases.ts';

const TREE = {
  'dir/a': 'a\n',
  'dir/sub/b': { text: 'b\n', mode: 0o640 },
  'dir/script': { text: '#!/bin/sh\necho ran\n', mode: 0o755 },
  'dir/link': { link: 'sub' },
  secret: 'hunter2\n',
  ignored: 'x\n',
  '.dockerignore': 'ignored\n',
} as const;

/** What a step finds mounted is shown by the files that it writes of it. */
export const mounts: CaseGroup = {
  name: 'mounts',
  from: 'Dockerfile reference, "RUN --mount", "RUN --network", and the options of build for them',
  cases: [
    {
      name: 'bind is the kind when none is said, and shows the context',
      dockerfile: ['FROM busybox', 'RUN --mount=target=/ctx ls -A /ctx > /out && cat /ctx/dir/a >> /out'],
      files: TREE,
    },
    {
      name: 'a mount leaves neither its target nor what was written to it',
      dockerfile: ['FROM busybox', 'RUN --mount=target=/new/deep,rw echo x > /new/deep/dir/a; rm -r /new/deep/dir/sub'],
      files: TREE,
    },
    {
      name: 'what was written beside a mount stays',
      dockerfile: ['FROM busybox', 'RUN --mount=target=/new/deep echo x > /new/beside'],
      files: TREE,
    },
    {
      name: 'a mount hides what the image has at its target, for the step alone',
      dockerfile: [
        'FROM busybox',
        'RUN mkdir /d && echo image > /d/file',
        'RUN --mount=source=dir,target=/d ls /d > /out',
        'RUN cat /d/file >> /out',
      ],
      files: TREE,
    },
    {
      name: 'a source is a file, a directory or a link to one, and a relative target is below WORKDIR',
      dockerfile: [
        'FROM busybox',
        'WORKDIR /w',
        'RUN --mount=source=dir/a,target=f --mount=src=dir/link,dst=l --mount=type=bind,source=/dir/sub,destination=./s \\',
        "  stat -c '%n %a %u:%g' f l/b s/b > /out && cat f l/b s/b >> /out",
      ],
      files: TREE,
    },
    {
      name: 'modes of context files are theirs, and their owner is root',
      dockerfile: [
        'FROM busybox',
        "RUN --mount=source=dir,target=/d stat -c '%n %a %u:%g' /d/sub /d/sub/b > /out && /d/script >> /out",
      ],
      files: TREE,
    },
    {
      name: 'a mount without rw cannot be written, and ro can be said',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=source=dir,target=/a --mount=source=dir,target=/b,ro --mount=source=dir,target=/c,readonly=true \\',
        '  for d in a b c; do echo x 2>/dev/null > /$d/x || echo $d >> /out; done',
      ],
      files: TREE,
    },
    {
      name: 'from takes a stage by name, and an image',
      dockerfile: [
        'FROM busybox AS one',
        'RUN mkdir /d && echo stage > /d/f && chown 3:4 /d/f',
        'FROM busybox',
        'RUN --mount=from=one,source=/d,target=/a --mount=from=one,source=d/f,target=/b --mount=from=busybox,target=/c \\',
        "  stat -c '%n %u:%g' /a/f /b > /out && ls -d /c/bin >> /out",
      ],
    },
    {
      name: 'from takes no number of a stage',
      dockerfile: ['FROM busybox', 'FROM busybox', 'RUN --mount=from=0,target=/a true'],
    },
    {
      name: 'links of a stage lead to places of that stage',
      dockerfile: [
        'FROM busybox AS one',
        'RUN mkdir /d && echo stage > /d/f && ln -s /d /absolute && ln -s ../../../d /climbing',
        'FROM busybox',
        'RUN --mount=from=one,source=/absolute,target=/a --mount=from=one,source=/climbing/../d,target=/b cat /a/f /b/f > /out',
      ],
    },
    {
      name: 'a source that is not there is refused',
      dockerfile: ['FROM busybox', 'RUN --mount=source=none,target=/x true'],
    },
    {
      name: 'a source that is ignored is not there',
      dockerfile: ['FROM busybox', 'RUN --mount=source=ignored,target=/x true'],
      files: TREE,
    },
    {
      name: 'variables are put into options',
      dockerfile: [
        'FROM busybox',
        'ARG KIND=bind FROM=dir TO=/to',
        'RUN --mount=type=$KIND,source=$FROM/a,target=${TO}/a cat /to/a > /out',
      ],
      files: TREE,
    },
    {
      name: 'tmpfs is empty, in memory, and hides what was there',
      dockerfile: [
        'FROM busybox',
        'RUN mkdir /t && echo image > /t/file',
        'RUN --mount=type=tmpfs,target=/t --mount=type=tmpfs,target=/u,size=1m \\',
        "  ls -A /t > /out && echo x > /t/x && stat -c '%n %a' /t /u >> /out && stat -f -c %T /t >> /out",
      ],
    },
    {
      name: 'a secret is a file of root that only root can read',
      dockerfile: [
        'FROM busybox',
        "RUN --mount=type=secret,id=s stat -c '%n %a %u:%g' /run/secrets/s > /out && sha256sum < /run/secrets/s >> /out",
        'RUN test ! -e /run/secrets/s',
      ],
      files: TREE,
      args: ['--secret', 'id=s,src=secret'],
    },
    {
      name: 'a secret has the target, mode and owner that are said',
      dockerfile: [
        'FROM busybox',
        "RUN --mount=type=secret,id=s,target=/x/y,mode=0444,uid=5,gid=6 stat -c '%n %a %u:%g' /x/y > /out",
      ],
      files: TREE,
      args: ['--secret', 'id=s,src=secret'],
    },
    {
      name: 'a secret can be a variable, and both',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=secret,id=s,env=A --mount=type=secret,id=s,env=B,target=/b \\',
        '  printf "$A" | sha256sum > /out && printf "$B" | sha256sum >> /out && sha256sum < /b >> /out; test ! -e /run/secrets || ls /run/secrets >> /out',
      ],
      files: TREE,
      args: ['--secret', 'id=s,src=secret'],
    },
    {
      name: 'a secret that was not given is not there',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=secret,id=none,env=N test ! -e /run/secrets && echo "[$N]" > /out',
      ],
    },
    {
      name: 'a secret that is required has to be given',
      dockerfile: ['FROM busybox', 'RUN --mount=type=secret,id=none,required true'],
    },
    {
      name: 'the variable of an SSH agent is set where none was given, and no socket is there',
      dockerfile: ['FROM busybox', 'RUN --mount=type=ssh echo $SSH_AUTH_SOCK > /out && test ! -e $SSH_AUTH_SOCK'],
    },
    {
      name: 'an SSH agent that is required has to be given',
      dockerfile: ['FROM busybox', 'RUN --mount=type=ssh,required true'],
    },
    {
      name: 'a cache mount goes from step to step and leaves nothing',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=cache,id=conformance-1,target=/c rm -rf /c/* && echo kept > /c/f',
        'RUN --mount=type=cache,id=conformance-1,target=/d cat /d/f > /out',
      ],
    },
    {
      name: 'a cache mount has the owner and mode that are said, and is another one then',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=cache,id=conformance-2,target=/c rm -rf /c/* && echo kept > /c/f',
        "RUN --mount=type=cache,id=conformance-2,target=/c,uid=7,gid=8,mode=0750 rm -f /c/g; stat -c '%n %a %u:%g' /c > /out && ls /c >> /out",
        'RUN --mount=type=cache,id=conformance-2,target=/c,ro echo x 2>/dev/null > /c/x || echo ro >> /out',
      ],
    },
    {
      name: 'a cache mount begins with what it is from',
      dockerfile: [
        'FROM busybox AS one',
        'RUN mkdir /d && echo begun > /d/f && chown 3:4 /d/f',
        'FROM busybox',
        "RUN --mount=type=cache,id=conformance-3,target=/c,from=one,source=/d stat -c '%n %u:%g' /c/f > /out",
      ],
    },
    {
      name: 'a mount with an unknown option is refused',
      dockerfile: ['FROM busybox', 'RUN --mount=type=bind,bind-propagation=shared,target=/x true'],
    },
    { name: 'a mount of the root is refused', dockerfile: ['FROM busybox', 'RUN --mount=type=tmpfs,target=/ true'] },
    {
      name: 'hosts and limits of the command line are those of the step',
      dockerfile: [
        'FROM busybox',
        'RUN grep 10.0.0.3 /etc/hosts > /out; ulimit -Sn >> /out; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2 >> /out',
      ],
      args: ['--add-host', 'db:10.0.0.3', '--ulimit', 'nofile=100:200', '--shm-size', '1m'],
    },
    {
      name: 'RUN --network=none has loopback only',
      dockerfile: ['FROM busybox', 'RUN --network=none ls /sys/class/net > /out'],
    },
    {
      name: 'the network of the host is refused where nobody allows it',
      dockerfile: ['FROM busybox', 'RUN --network=host true'],
    },
  ],
};
