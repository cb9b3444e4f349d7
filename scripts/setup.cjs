'use strict';
/*
 * Makes a checkout ready: a Node that is new enough, the packages of package-lock.json, and the programs that run
 * containers. Old syntax on purpose: it is started by whatever Node the machine has. Asks nothing; running it again
 * does only what is missing.
 *
 *   --packages-only   leave the system's programs alone
 *   --quiet           say nothing when there is nothing to do
 */
var child = require('child_process');
var crypto = require('crypto');
var fs = require('fs');
var path = require('path');

var MAJOR = 24;
var root = path.dirname(__dirname);
var tools = path.join(root, '.tools');
var quiet = process.argv.indexOf('--quiet') !== -1;
var packagesOnly = process.argv.indexOf('--packages-only') !== -1;

try {
  main();
} catch (error) {
  if (!(error instanceof SetupFailed)) throw error;
  process.stderr.write('setup: ' + error.message + '\n' + (error.hint ? 'try: ' + error.hint + '\n' : ''));
  process.exitCode = 1;
}

function main() {
  var node = ensureNode();
  writeRunner(node);
  ensurePackages(node);
  if (!packagesOnly) ensurePrograms();
}

function SetupFailed(message, hint) {
  this.message = message;
  this.hint = hint;
}

function note(text) {
  if (!quiet) say(text);
}

function say(text) {
  process.stderr.write('setup: ' + text + '\n');
}

function fail(text, hint) {
  throw new SetupFailed(text, hint);
}

/** Runs a program with its output on stderr; true when it ended with 0. */
function run(command, args, options) {
  var result = child.spawnSync(command, args, Object.assign({ stdio: ['ignore', 2, 2] }, options));
  return !result.error && result.status === 0;
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    return undefined;
  }
}

// ---- Node

/** The path of a Node that is new enough: the machine's where it is, else one in the checkout. */
function ensureNode() {
  var machine = parseInt(process.versions.node, 10);
  var own = path.join(tools, 'node', 'bin', 'node');
  if (machine >= MAJOR) return process.execPath;
  var wanted = readJson(path.join(__dirname, 'node-package.json'));
  var have = readJson(path.join(tools, 'node', 'package.json'));
  if (have && have.version === wanted.version && fs.existsSync(own)) return own;
  var name = 'node-' + process.platform + '-' + process.arch;
  var integrity = wanted.integrity[name];
  if (!integrity) {
    fail(
      'this is Node ' +
        process.versions.node +
        ' on ' +
        process.platform +
        '-' +
        process.arch +
        '; shale needs ' +
        MAJOR,
      'install Node ' + MAJOR + ' or newer by hand, then run this again',
    );
  }
  say(
    'this machine has Node ' +
      process.versions.node +
      '; fetching Node ' +
      wanted.version +
      ' into .tools (once, 45 MB)',
  );
  installNode(name, wanted.version, integrity);
  return own;
}

function installNode(name, version, integrity) {
  fs.mkdirSync(tools, { recursive: true });
  var work = fs.mkdtempSync(path.join(tools, 'fetch-'));
  try {
    var pack = ['pack', '--loglevel=error', name + '@' + version];
    if (!run('npm', pack, { cwd: work, stdio: ['ignore', 'ignore', 2] })) {
      fail('npm could not fetch ' + name + '@' + version, 'see what npm said above; npm and a registry are needed');
    }
    var file = path.join(work, name + '-' + version + '.tgz');
    var hash = 'sha512-' + crypto.createHash('sha512').update(fs.readFileSync(file)).digest('base64');
    if (hash !== integrity) fail(name + '@' + version + ' has ' + hash + ', expected ' + integrity);
    if (!run('tar', ['-xzf', file], { cwd: work })) fail('tar could not unpack ' + file, 'install tar and gzip');
    var place = path.join(tools, 'node');
    // A run of this script beside us may have put the same Node there; then renaming fails and theirs is used.
    fs.rmSync(place, { recursive: true, force: true });
    try {
      fs.renameSync(path.join(work, 'package'), place);
    } catch (error) {
      if (!fs.existsSync(path.join(place, 'bin', 'node'))) throw error;
    }
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** `.tools/run SCRIPT …` starts a script of the checkout with the right Node, also for the processes it starts. */
function writeRunner(node) {
  var own = node === path.join(tools, 'node', 'bin', 'node');
  var text = [
    '#!/bin/sh',
    '# Written by scripts/setup.cjs.',
    'here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit 1',
    own ? 'node=$here/.tools/node/bin/node' : 'node=' + shellQuote(node),
    'PATH=${node%/*}:$PATH',
    'NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE-$here/.cache/compile}',
    'export PATH NODE_COMPILE_CACHE',
    'exec "$node" --disable-warning=ExperimentalWarning "$@"',
    '',
  ].join('\n');
  var file = path.join(tools, 'run');
  fs.mkdirSync(tools, { recursive: true });
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.writeFileSync(file + '.' + process.pid, text, { mode: 493 /* 0755 */ });
  fs.renameSync(file + '.' + process.pid, file);
}

function shellQuote(text) {
  return "'" + text.replace(/'/g, "'\\''") + "'";
}

// ---- packages

function ensurePackages(node) {
  var modules = path.join(root, 'node_modules');
  if (packagesAreThere()) return;
  if (isLink(modules)) {
    say('node_modules is a link and differs from package-lock.json; it is left alone');
    return;
  }
  say('installing the packages of package-lock.json (npm ci, no install scripts)');
  // npm leaves out optional packages that do not fit the Node it runs on, so it has to be ours.
  var args = [
    '--no-deprecation',
    npmProgram(),
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  if (!run(node, args, { cwd: root })) fail('npm ci failed', 'see what npm said above; a registry is needed');
}

/** The JavaScript file that is npm. */
function npmProgram() {
  var candidates = [process.env.npm_execpath].concat(
    (process.env.PATH || '').split(':').map(function (folder) {
      return path.join(folder || '/', 'npm');
    }),
  );
  var found = candidates.filter(function (file) {
    return file && fs.existsSync(file) && /\.c?js$/.test(fs.realpathSync(file));
  })[0];
  if (!found) fail('there is no npm here', 'install npm, then run this again');
  return fs.realpathSync(found);
}

/** npm keeps a lock of what it installed; everything that is not for other platforms must be there as pinned. */
function packagesAreThere() {
  var wanted = readJson(path.join(root, 'package-lock.json'));
  var have = readJson(path.join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !have) return false;
  return Object.keys(wanted.packages).every(function (key) {
    var pinned = wanted.packages[key];
    var installed = have.packages[key];
    if (key === '') return true;
    if (!installed) return Boolean(pinned.optional) && !isForThisMachine(pinned);
    return installed.version === pinned.version && installed.integrity === pinned.integrity;
  });
}

/** Of optional packages: whether it is the variant for this platform. */
function isForThisMachine(pinned) {
  var musl = process.report && !process.report.getReport().header.glibcVersionRuntime;
  function fits(list, value) {
    return list === undefined || list.indexOf(value) !== -1;
  }
  return (
    Boolean(pinned.os || pinned.cpu) &&
    fits(pinned.os, process.platform) &&
    fits(pinned.cpu, process.arch) &&
    fits(pinned.libc, musl ? 'musl' : 'glibc')
  );
}

function isLink(file) {
  try {
    return fs.lstatSync(file).isSymbolicLink();
  } catch (error) {
    return false;
  }
}

// ---- programs

/** What runs containers, with the Debian package of each. Any one of `files` is enough. */
function programs() {
  var folders = (process.env.PATH || '').split(':').concat(['/usr/local/sbin', '/usr/sbin', '/sbin']);
  function anywhere(name) {
    return folders.map(function (folder) {
      return path.join(folder || '/', name);
    });
  }
  var helpers = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/lib/podman', '/usr/local/libexec/podman'];
  function helper(name) {
    return helpers
      .map(function (folder) {
        return path.join(folder, name);
      })
      .concat(anywhere(name));
  }
  return [
    { debian: 'runc', files: anywhere('runc').concat(anywhere('crun')), gives: 'runs containers' },
    { debian: 'conmon', files: anywhere('conmon'), gives: 'keeps detached containers' },
    { debian: 'netavark', files: helper('netavark'), gives: 'sets networks up' },
    { debian: 'aardvark-dns', files: helper('aardvark-dns'), gives: 'names of containers on their networks' },
    { debian: 'iptables', files: anywhere('iptables'), gives: 'address translation for networks' },
    {
      debian: 'tini',
      files: anywhere('tini-static').concat(anywhere('catatonit'), helper('catatonit'), anywhere('docker-init')),
      gives: 'the process that --init puts first',
    },
    { debian: 'procps', files: anywhere('ps'), gives: 'what shale top shows' },
  ];
}

function ensurePrograms() {
  if (process.platform !== 'linux') {
    note('containers need Linux; everything that needs none works here');
    return;
  }
  var missing = programs().filter(function (program) {
    return !program.files.some(isExecutable);
  });
  if (missing.length === 0) return;
  var names = missing.map(function (program) {
    return program.debian;
  });
  missing.forEach(function (program) {
    say('missing: ' + program.debian + ' (' + program.gives + ')');
  });
  var command = 'apt-get install -y --no-install-recommends ' + names.join(' ');
  if (!isExecutable('/usr/bin/apt-get') || !process.getuid || process.getuid() !== 0) {
    say('go on without; to have them, run as root: ' + command);
    return;
  }
  say('installing: ' + command);
  if (!aptInstall(names)) say('that failed; go on without. `shale doctor` says what is missing and what it costs');
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch (error) {
    return false;
  }
}

function aptInstall(names) {
  var options = { env: Object.assign({}, process.env, { DEBIAN_FRONTEND: 'noninteractive' }) };
  function install() {
    var args = [
      'install',
      '-qq',
      '-y',
      '--no-install-recommends',
      '-o',
      'DPkg::Lock::Timeout=120',
      '-o',
      'Dpkg::Use-Pty=0',
    ];
    return run('apt-get', args.concat(names), options);
  }
  if (hasPackageLists() && install()) return true;
  // No lists, or lists that name files which the mirror has no more.
  return run('apt-get', ['update', '-qq'], options) && install();
}

function hasPackageLists() {
  try {
    return fs.readdirSync('/var/lib/apt/lists').some(function (name) {
      return /_Packages(\.[a-z0-9]+)?$/.test(name);
    });
  } catch (error) {
    return false;
  }
}
