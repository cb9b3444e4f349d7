import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { makeSigner, packApk, packIndex, type TestApk } from '../../src/bases/alpine/packed-apk.fixture.ts';

/** Packages of our own behind HTTP, where builds of every engine reach them. */
export interface IndexServer {
  /** `http://ADDRESS:PORT` */
  readonly origin: string;
  /** The address alone. */
  readonly host: string;
}

/** In a thread of its own: whoever asks for it waits for programs meanwhile. */
export async function startIndex(npmFolder: string): Promise<IndexServer & AsyncDisposable> {
  const worker = new Worker(new URL(import.meta.url), { workerData: npmFolder });
  const [served] = (await once(worker, 'message')) as [IndexServer]; // What the thread below posts.
  return {
    ...served,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

/** Serves a small npm registry with the npm client of this machine, and a small index for pip. */
async function serveIndex(npmFolder: string): Promise<IndexServer> {
  const host = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  if (host === undefined) throw new Error('this machine has no address that containers reach');
  const pages = new Map<string, { readonly type: string; readonly body: Buffer }>();
  const server = createServer((request, response) => {
    const page = pages.get((request.url ?? '').replace(/[?#].*$/, ''));
    if (page === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': page.type, 'content-length': page.body.length });
    return void response.end(request.method === 'HEAD' ? undefined : page.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`; // It listens on TCP.
  const put = (path: string, type: string, body: string | Buffer): void =>
    void pages.set(path, { type, body: Buffer.from(body) });
  addNpm(put, origin, npmFolder);
  addPip(put);
  addAlpine(put);
  return { origin, host };
}

type Put = (path: string, type: string, body: string | Buffer) => void;

function addNpm(put: Put, origin: string, npmFolder: string): void {
  const packages = [
    { name: 'left', version: '1.0.0', dependencies: { right: '^2.0.0' } },
    { name: 'right', version: '2.1.0', dependencies: {} },
  ];
  for (const manifest of packages) {
    const files = { 'package.json': JSON.stringify(manifest), 'index.js': `module.exports = '${manifest.name}';\n` };
    const tarball = packed((folder) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    });
    const { name, version } = manifest;
    const path = `/npm/${name}/-/${name}-${version}.tgz`;
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${origin}${path}`, integrity };
    const document = { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
    put(path, 'application/octet-stream', tarball);
    put(`/npm/${name}`, 'application/json', JSON.stringify(document));
  }
  put(
    '/npm.tgz',
    'application/gzip',
    packed((folder) => cpSync(npmFolder, folder, { recursive: true })),
  );
}

/** A folder `package` as a tarball that is the same every time. */
function packed(fill: (folder: string) => void): Buffer {
  const work = mkdtempSync(join(tmpdir(), 'shale-index-'));
  try {
    mkdirSync(join(work, 'package'));
    fill(join(work, 'package'));
    const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
    execFileSync('tar', ['-C', work, ...options, '-I', 'gzip -n', '-cf', join(work, 'out.tgz'), 'package']);
    return readFileSync(join(work, 'out.tgz'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function addPip(put: Put): void {
  const info = 'greeting-1.2.0.dist-info';
  const wheel = zip({
    'greeting.py': 'def greet():\n    return "hello"\n',
    [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.2.0\n',
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: `greeting.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
  });
  const name = 'greeting-1.2.0-py3-none-any.whl';
  put(`/pip/files/${name}`, 'application/zip', wheel);
  put('/pip/greeting/', 'text/html', `<a href="/pip/files/${name}">${name}</a>\n`);
}

/** Stand-ins of Alpine's nginx and what it needs, with its scripts: a user of its own, and a trigger. */
const APKS: readonly TestApk[] = [
  { name: 'pcre2', version: '10.43-r0', files: [{ path: 'usr/lib/libpcre2-8.so.0', content: 'library', mode: 0o755 }] },
  {
    name: 'nginx',
    version: '1.26.3-r0',
    depends: 'pcre2',
    scripts: {
      'pre-install':
        '#!/bin/sh\naddgroup -S -g 101 nginx 2>/dev/null\nadduser -S -D -H -u 100 -h /var/lib/nginx -s /sbin/nologin -G nginx -g nginx nginx 2>/dev/null\nexit 0\n',
    },
    files: [
      { path: 'etc/nginx/nginx.conf', content: 'user nginx;\n' },
      { path: 'usr/sbin/nginx', content: '#!/bin/sh\nexec httpd -f -h /usr/share/nginx/html\n', mode: 0o755 },
      { path: 'usr/share/nginx/html/index.html', content: 'welcome\n' },
      { path: 'var/lib/nginx/', mode: 0o750, owner: { user: 'nginx', group: 'nginx', uid: 100, gid: 101 } },
    ],
  },
];

function addAlpine(put: Put): void {
  const signer = makeSigner('script.rsa.pub');
  const packed = APKS.map((apk) => packApk(apk, signer));
  put('/alpine/keys/script.rsa.pub', 'application/octet-stream', signer.pem);
  put('/alpine/x86_64/APKINDEX.tar.gz', 'application/gzip', packIndex(packed, signer));
  for (const { fileName, bytes } of packed) put(`/alpine/x86_64/${fileName}`, 'application/octet-stream', bytes);
}

/** A zip file (APPNOTE 4.3) of stored entries, with the first time that it can say. */
function zip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, bytes] = [Buffer.from(name), Buffer.from(text)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, path, bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), Buffer.of(20, 3), common, rest, path]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

if (!isMainThread) parentPort?.postMessage(await serveIndex(String(workerData)));
