/** Dockerfiles as people write them, whose images should be the same every time. */

export interface Case {
  readonly name: string;
  /** What kind of thing it shows. */
  readonly kind: string;
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Needs the root file system of Alpine that lies beside the checkout. */
  readonly isAlpine?: boolean;
}

const APT = 'apt-get update && apt-get install -y --no-install-recommends';
const CLEAN = 'rm -rf /var/lib/apt/lists/*';
const HELLO = '#include <stdio.h>\nint main(void) { puts("hello " __FILE__); return 0; }\n';

export const CASES: readonly Case[] = [
  {
    name: 'nginx',
    kind: 'the example of the tutorial',
    dockerfile:
      'FROM debian:stable-slim\nRUN apt-get update && apt-get install -y nginx\nCOPY . /usr/share/nginx/html\nEXPOSE 80\nCMD ["nginx", "-g", "daemon off;"]\n',
    files: { 'index.html': '<h1>hello</h1>\n' },
  },
  {
    name: 'alpine',
    kind: 'its twin on Alpine, with a repository of the script',
    dockerfile:
      'FROM alpine:3.20\nARG INDEX\nADD $INDEX/alpine/keys/script.rsa.pub /etc/apk/keys/\nRUN apk add --no-cache --repositories-file /dev/null --repository $INDEX/alpine nginx\nCOPY . /usr/share/nginx/html\nEXPOSE 80\nCMD ["nginx", "-g", "daemon off;"]\n',
    files: { 'index.html': '<h1>hello</h1>\n' },
    isAlpine: true,
  },
  {
    name: 'curl',
    kind: 'apt, with certificates',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} curl ca-certificates && ${CLEAN}\nENTRYPOINT ["curl"]\n`,
  },
  {
    name: 'redis',
    kind: 'apt, with a user and a service',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} redis-server && ${CLEAN}\nUSER redis\nCMD ["redis-server"]\n`,
  },
  {
    name: 'git',
    kind: 'apt, with perl',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} git openssh-client\nRUN git config --system user.name build\n`,
  },
  {
    name: 'apache',
    kind: 'apt, with alternatives and modules',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} apache2 && a2enmod rewrite && ${CLEAN}\nCOPY . /var/www/html\n`,
    files: { 'index.html': '<h1>hello</h1>\n' },
  },
  {
    name: 'python',
    kind: 'apt, with bytecode of modules',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} python3 && ${CLEAN}\nWORKDIR /app\nCOPY . .\nRUN python3 -c "import app"\nCMD ["python3", "app.py"]\n`,
    files: { 'app.py': 'import json, sys\nprint(json.dumps(sys.version_info[:2]))\n' },
  },
  {
    name: 'pip',
    kind: 'pip, from an index',
    dockerfile: `FROM debian:stable-slim\nARG INDEX\nARG HOST\nRUN ${APT} python3-pip && ${CLEAN}\nRUN pip install --break-system-packages --no-cache-dir --no-compile --index-url $INDEX/pip/ --trusted-host $HOST greeting\n`,
  },
  {
    name: 'npm',
    kind: 'npm, from a registry',
    dockerfile: `FROM debian:stable-slim\nARG INDEX\nRUN ${APT} nodejs && ${CLEAN}\nADD $INDEX/npm.tgz /opt/npm.tgz\nRUN tar -xzf /opt/npm.tgz -C /opt\nWORKDIR /app\nCOPY package.json .\nRUN node /opt/package/bin/npm-cli.js install --registry $INDEX/npm/ --no-audit --no-fund --no-update-notifier && rm -rf /root/.npm\n`,
    files: { 'package.json': '{ "name": "app", "version": "1.0.0", "dependencies": { "left": "^1.0.0" } }\n' },
  },
  {
    name: 'gcc',
    kind: 'a compiler of Debian',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} gcc libc6-dev\nWORKDIR /src\nCOPY . .\nRUN gcc -O2 -g -o /usr/local/bin/hello hello.c\n`,
    files: { 'hello.c': HELLO },
  },
  {
    name: 'stages',
    kind: 'compiled in one stage, copied into another',
    dockerfile: `FROM debian:stable-slim AS build\nRUN ${APT} g++ make\nWORKDIR /src\nCOPY . .\nRUN make hello && ar rcs libhello.a hello\nFROM debian:stable-slim\nCOPY --from=build /src/hello /src/libhello.a /usr/local/lib/\n`,
    files: { 'hello.cc': HELLO.replace('stdio.h', 'cstdio').replace('(void)', '()') },
  },
  {
    name: 'archives',
    kind: 'archives made in RUN',
    dockerfile: `FROM debian:stable-slim\nRUN ${APT} zip && ${CLEAN}\nWORKDIR /out\nRUN mkdir d && for i in 3 1 2; do echo $i > d/$i; done && tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 -cf d.tar d && gzip -n d.tar\n`,
  },
];
