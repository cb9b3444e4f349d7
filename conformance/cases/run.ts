import type { CaseGroup } from '../cases.ts';

export const run: CaseGroup = {
  name: 'run',
  from: 'Dockerfile reference, "RUN", "USER", "WORKDIR"; line continuation and comments',
  cases: [
    {
      name: 'shell and exec form',
      dockerfile: ['FROM busybox', 'RUN echo "a  b" > /a', 'RUN ["sh", "-c", "echo $0 > /b", "zero"]'],
    },
    { name: 'exec form expands nothing', dockerfile: ['FROM busybox', 'ENV A=1', 'RUN ["touch", "/$A"]'] },
    {
      name: 'continuation with comments and blanks',
      dockerfile: ['FROM busybox', 'RUN echo a \\', '  # in between', '  b \\  ', '  c > /x'],
    },
    { name: 'an empty line inside an instruction', dockerfile: ['FROM busybox', 'RUN echo a \\', '', '  b > /x'] },
    { name: 'a step that changes nothing has a layer', dockerfile: ['FROM busybox', 'RUN true'] },
    { name: 'a command that fails is refused', dockerfile: ['FROM busybox', 'RUN exit 3'] },
    { name: 'a program that is not there is refused', dockerfile: ['FROM busybox', 'RUN ["/no/such"]'] },
    {
      name: 'files, links, modes and owners',
      dockerfile: [
        'FROM busybox',
        'RUN mkdir -m 2751 /d && echo x > /d/f && chmod 4711 /d/f && ln /d/f /d/h && ln -s f /d/s && chown -h 3:4 /d/s /d/f',
      ],
    },
    {
      name: 'removing and replacing what the base has',
      dockerfile: [
        'FROM busybox',
        'RUN rm -r /var && rm /etc/group && mkdir /etc/group && rmdir /home && echo x > /home',
      ],
    },
    {
      name: 'removed and made again as something else',
      dockerfile: ['FROM busybox', 'RUN mkdir -p /a/b && touch /a/b/c', 'RUN rm -r /a && mkdir -p /a/d'],
    },
    {
      name: 'USER of a step',
      dockerfile: ['FROM busybox', 'RUN mkdir -m 777 /w', 'USER nobody', 'RUN id -u > /w/u; id -g > /w/g'],
    },
    {
      name: 'USER by numbers that nobody has',
      dockerfile: ['FROM busybox', 'RUN mkdir -m 777 /w', 'USER 1234:5678', 'RUN echo $(id -u):$(id -g) > /w/x'],
    },
    {
      name: 'a USER that the image does not know is refused',
      dockerfile: ['FROM busybox', 'USER stranger', 'RUN true'],
    },
    {
      name: 'HOME of a step',
      dockerfile: ['FROM busybox', 'RUN echo $HOME > /h', 'USER nobody', 'RUN echo $HOME > /tmp/h'],
    },
    { name: 'WORKDIR makes its folders', dockerfile: ['FROM busybox', 'WORKDIR /a/b', 'WORKDIR c', 'RUN pwd > x'] },
    {
      name: 'WORKDIR with variables and ..',
      dockerfile: ['FROM busybox', 'ENV D=/a', 'WORKDIR $D/b/../c', 'WORKDIR ..', 'RUN pwd > /x'],
    },
    { name: 'WORKDIR below USER belongs to it', dockerfile: ['FROM busybox', 'USER nobody', 'WORKDIR /n/m'] },
    { name: 'WORKDIR that is a file is refused', dockerfile: ['FROM busybox', 'WORKDIR /etc/passwd'] },
    { name: 'WORKDIR that is there', dockerfile: ['FROM busybox', 'WORKDIR /etc', 'WORKDIR /'] },
    { name: '--network=none', dockerfile: ['FROM busybox', 'RUN --network=none ls /sys/class/net > /x'] },
    { name: 'an unknown network is refused', dockerfile: ['FROM busybox', 'RUN --network=other true'] },
    {
      name: 'the environment of a step',
      dockerfile: ['FROM busybox', 'ENV A=1', 'ARG B=2', 'RUN env | grep -E "^(A|B|PATH|PWD)=" | sort > /x'],
    },
    { name: 'umask and standard input', dockerfile: ['FROM busybox', 'RUN umask > /u && wc -c > /in'] },
  ],
};
