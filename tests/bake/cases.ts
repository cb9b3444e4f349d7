/** Bake files with what is asked of them; `answers.json` holds what docker buildx 0.29.1 printed (`record.ts`). */
export interface BakeCase {
  readonly files: Readonly<Record<string, string>>;
  /** Words after `bake --print`. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const hcl = (text: string, more: Omit<BakeCase, 'files'> = {}): BakeCase => ({
  files: { 'docker-bake.hcl': text },
  ...more,
});

/** A file with an expression as the argument `x` of its target. */
export function expressionCase(expression: string): BakeCase {
  return hcl(`target "default" {\n  args = {\n    x = ${expression}\n  }\n}\n`);
}

export const CASES: Readonly<Record<string, BakeCase>> = {
  'every attribute of a target': hcl(
    `
target "default" {
  description = "all"
  annotations = ["a=b", "a=b"]
  attest = ["type=provenance,mode=max", "type=sbom,disabled=true"]
  context = "./app/../src"
  contexts = { alpine = "docker-image://alpine", dir = "./x/", none = "" }
  dockerfile = "./Dockerfile.x"
  args = { A = "1", N = 1.5, B = true, NONE = null }
  labels = { l = "m", n = null }
  tags = ["x:1", "x:1", "y"]
  cache-from = ["type=registry,ref=a/b", "c/d", "type=gha"]
  cache-to = ["type=local,dest=out,mode=max", "type=inline"]
  target = "prod"
  secret = ["id=s,src=secret.txt", "id=t,env=TOKEN"]
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=docker", "out", "type=tar,dest=x.tar"]
  pull = true
  no-cache = false
  network = "none"
  no-cache-filter = ["a", "b"]
  shm-size = "128m"
  ulimits = ["nofile=1024:2048"]
  call = "build"
  entitlements = ["network.host"]
  extra-hosts = { h = "1.2.3.4" }
}`,
    { env: { TOKEN: 'x' } },
  ),
  'objects for entries': hcl(`
target "default" {
  cache-from = [{ type = "registry", ref = "a/b" }]
  cache-to = [{ type = "local", dest = "out" }]
  output = [{ type = "local", dest = "x" }]
  secret = [{ id = "s", src = "secret.txt" }]
  attest = [{ type = "provenance", mode = "min" }]
}`),
  'groups in groups': hcl(
    'group "all" { targets = ["one", "more"] }\ngroup "more" { targets = ["two", "one"] }\ntarget "one" {}\ntarget "two" {}\ntarget "three" {}\n',
    { words: ['all', 'three'] },
  ),
  'a group that holds itself': hcl('group "g" { targets = ["g", "a"] }\ntarget "a" {}\n', { words: ['g'] }),
  'inheritance, deep and of several': hcl(`
target "base" {
  args = { A = "base", B = "base" }
  labels = { l = "base" }
  tags = ["base"]
  cache-from = ["type=gha"]
  cache-to = ["type=gha"]
  annotations = ["a=1", "b=1"]
  platforms = ["linux/amd64"]
  no-cache-filter = ["x"]
  dockerfile = "D"
  output = ["type=docker"]
}
target "mid" {
  inherits = ["base"]
  args = { B = "mid", C = null }
  cache-from = ["x/y"]
}
target "other" {
  args = { A = "other" }
  tags = ["other"]
  no-cache-filter = ["y"]
}
target "default" {
  inherits = ["mid", "other"]
  args = { D = "own", A = null }
  labels = { m = "own" }
  annotations = ["b=1", "c=1"]
  platforms = []
  cache-to = ["type=inline"]
  output = [""]
}`),
  'inheritance in a circle': hcl(
    'target "a" {\n  inherits = ["b"]\n  tags = ["a"]\n}\ntarget "b" {\n  inherits = ["a"]\n  args = { b = "1" }\n}\n',
    { words: ['a'] },
  ),
  'one target defined twice': hcl(
    'target "a" {\n  tags = ["1"]\n  args = { A = "1", B = "1" }\n}\ntarget "a" {\n  tags = ["2"]\n  args = { B = "2" }\n}\n',
    { words: ['a'] },
  ),
  'a matrix': hcl(`
target "app" {
  name = "app-\${os}-\${item.v}"
  matrix = {
    os = ["a", "b"]
    item = [{ v = "1", t = "x" }, { v = "2", t = "y" }]
  }
  target = os
  tags = ["app:\${item.t}"]
  args = { V = item.v }
}
group "default" { targets = ["app"] }`),
  'texts that look like templates': hcl(
    'target "default" {\n  dockerfile-inline = "FROM scratch\\nENV A=$${A} B=%%{B} $C"\n  labels = { "$${k}" = "$${v}" }\n  tags = ["x"]\n}\n',
  ),
  'a matrix of one': hcl('target "a" {\n  matrix = { v = ["x"] }\n  tags = ["t:${v}"]\n}\n', { words: ['a'] }),
  overrides: hcl(
    'target "a-1" {\n  tags = ["x"]\n  args = { A = "1" }\n}\ntarget "a-2" { inherits = ["a-1"] }\ntarget "b" {}\n',
    {
      words: [
        'a-1',
        'a-2',
        'b',
        '--set',
        '*.platform=linux/arm64',
        '--set',
        'a-*.args.A=2',
        '--set',
        'a-2.args.FROM_ENV',
        '--set',
        'b.tags=one',
        '--set',
        'b.tags=two',
        '--set',
        'a-1.tags+=more',
        '--set',
        'b.output=type=local,dest=o',
        '--set',
        'b.no-cache=true',
        '--set',
        'b.context=./ctx',
        '--set',
        'b.dockerfile=D',
        '--set',
        'b.labels.x.y=z',
        '--set',
        'b.contexts.c=d',
        '--set',
        'b.target=t',
        '--set',
        'b.cache-from=type=gha',
        '--set',
        'b.cache-to=type=inline',
        '--set',
        'b.pull=1',
        '--set',
        'b.shm-size=1g',
        '--set',
        'b.annotations=q=r',
        '--set',
        'b.entitlements=network.host',
        '--set',
        'b.attest=type=sbom',
        '--set',
        'b.call=check',
        '--set',
        'b.secrets=id=s,src=secret.txt',
      ],
      env: { FROM_ENV: 'env' },
    },
  ),
  'an override of nothing': hcl('target "a" {}\n', { words: ['a', '--set', 'b.tags=x'] }),
  'an override of an unknown field': hcl('target "a" {}\n', { words: ['a', '--set', 'a.nope=x'] }),
  'an override without value': hcl('target "a" {}\n', { words: ['a', '--set', 'a.tags'] }),
  'linked contexts': hcl(`
target "base" {
  args = { A = "1" }
  tags = ["base"]
  output = ["type=docker"]
}
target "mid" { contexts = { b = "target:base" } }
target "default" { contexts = { base = "target:mid", alpine = "docker-image://alpine" } }`),
  'linked contexts in a circle': hcl(
    'target "a" { contexts = { b = "target:b" } }\ntarget "b" { contexts = { a = "target:a" } }\n',
    { words: ['a'] },
  ),
  'a target that is its own context': hcl('target "a" { contexts = { a = "target:a" } }\n', { words: ['a'] }),
  'a link to nothing': hcl('target "a" { contexts = { a = "target:b" } }\n', { words: ['a'] }),
  'a target that is not there': hcl('target "a" {}\n', { words: ['b'] }),
  'no default': hcl('target "a" {}\n'),
  'a parent that is not there': hcl('target "a" { inherits = ["b"] }\n', { words: ['a'] }),
  'variables and the environment': hcl(
    `
variable "TEXT" { default = "x" }
variable "EMPTY" {}
variable "NUMBER" { default = 5 }
variable "FLAG" { default = false }
variable "NONE" { default = null }
variable "MADE" { default = "\${TEXT}-\${NUMBER + 1}" }
variable "LIST" {
  type = list(string)
  default = ["a"]
}
variable "NUMBERS" {
  type = set(number)
  default = [3, 1, 3]
}
variable "OBJECT" {
  type = object({ a = string, b = optional(number) })
  default = { a = "x" }
}
variable "MAP" {
  type = map(string)
  default = { z = 1, y = true }
}
variable "TYPED" { type = string }
plain = "attribute \${TEXT}"
target "default" {
  args = {
    text = TEXT
    empty = EMPTY == "" ? "empty" : "null"
    number = NUMBER + 1
    flag = FLAG ? "yes" : 0
    none = NONE == null ? "null" : "set"
    made = MADE
    list = jsonencode(LIST)
    numbers = jsonencode(NUMBERS)
    object = jsonencode(OBJECT)
    map = jsonencode(MAP)
    typed = TYPED == null ? "null" : "set"
    plain = plain
  }
}`,
    {
      env: {
        TEXT: 'env',
        NUMBER: '7',
        FLAG: 'true',
        LIST: 'b,"c,d"',
        OBJECT_JSON: '{"a":"j","b":2}',
        plain: 'no',
      },
    },
  ),
  'a number that is none': hcl('variable "N" { default = 5 }\ntarget "default" { args = { n = N } }\n', {
    env: { N: 'abc' },
  }),
  'an object from a text': hcl(
    'variable "O" {\n  type = object({ a = string })\n  default = { a = "x" }\n}\ntarget "default" {}\n',
    { env: { O: 'x' } },
  ),
  'a default that does not fit its type': hcl(
    'variable "N" {\n  type = number\n  default = "x"\n}\ntarget "default" {}\n',
  ),
  'a validation that holds': hcl(
    'variable "A" {\n  default = "x"\n  validation {\n    condition = A == "x"\n    error_message = "no"\n  }\n}\ntarget "default" {}\n',
  ),
  'a validation that fails': hcl(
    'variable "A" {\n  default = "y"\n  validation {\n    condition = A == "x"\n    error_message = "no"\n  }\n}\ntarget "default" {}\n',
  ),
  'variables in a circle': hcl(
    'variable "a" { default = b }\nvariable "b" { default = a }\ntarget "default" { args = { a = a } }\n',
  ),
  'what the environment gives to a typed variable without default': hcl(
    'variable "T" { type = string }\ntarget "default" { args = { t = T } }\n',
    { env: { T: 'x' } },
  ),
  'functions of the file': hcl(`
function "add_all" {
  params = [first]
  variadic_params = rest
  result = first + length(rest) + max(0, rest...)
}
function "tag" {
  params = [name]
  result = "\${REGISTRY}/\${name}:\${lower("X")}"
}
variable "REGISTRY" { default = "reg.example" }
target "default" {
  args = { a = add_all(1), b = add_all(1, 5, 3) }
  tags = [tag("app")]
}`),
  'attributes of other blocks': hcl(
    `
target "a" {
  tags = ["a:\${target.b.args.V}"]
  args = { first = target.b.tags[0] }
}
target "b" {
  tags = ["b:1"]
  args = { V = "9" }
}`,
    { words: ['a'] },
  ),
  'a call without its argument': expressionCase('upper()'),
  'a function that is not there': expressionCase('nope(1)'),
  'a variable that is not there': expressionCase('nope'),
  'two attributes on one line': hcl('target "a" { tags = ["x"] args = {} }\n', { words: ['a'] }),
  'a string that is not closed': hcl('target "a" {\n  tags = ["x]\n}\n', { words: ['a'] }),
  'a block that is not closed': hcl('target "a" {\n  tags = ["x"]\n', { words: ['a'] }),
  'an attribute set twice': hcl('target "a" {\n  tags = ["x"]\n  tags = ["y"]\n}\n', { words: ['a'] }),
  'a name with a dot': hcl('target "a.b" {}\n', { words: ['a.b'] }),
  'a list where a text belongs': hcl('target "a" { context = ["x"] }\n', { words: ['a'] }),
  'comments everywhere': hcl(
    '# one\n// two\n/* three\n*/ target "default" { /* four */ tags = ["a", # five\n  "b" // six\n ] }\n',
  ),
  'several files': {
    files: {
      'a.hcl':
        'group "default" { targets = ["a"] }\nvariable "V" { default = "a" }\ntarget "a" {\n  tags = ["a:${V}"]\n  args = { A = "a", B = "a" }\n}\n',
      'b.hcl': 'variable "V" { default = "b" }\ntarget "a" { args = { B = "b" } }\ntarget "b" {}\n',
      'c.json': '{ "group": { "default": { "targets": ["a", "b"] } }, "target": { "b": { "tags": ["b:${V}"] } } }',
    },
    words: ['-f', 'a.hcl', '-f', 'b.hcl', '-f', 'c.json'],
  },
  JSON: {
    files: {
      'docker-bake.json': JSON.stringify({
        '//': 'a comment',
        variable: { V: { default: 'x' }, L: { type: 'list(string)', default: ['${V}', 'y'] } },
        function: { inc: { params: ['n'], result: '${n + 1}' } },
        group: { default: { targets: ['a', 'm'] } },
        target: {
          a: [
            { args: { v: '${V}', l: '${L[1]}', n: 5, i: '${inc(4)}', b: true, z: null } },
            { tags: ['t:%{ if true }1%{ endif }'] },
          ],
          m: { name: 'm-${x}', matrix: { x: ['1', '2'] }, 'no-cache': true },
        },
      }),
    },
  },
  'JSON that is none': { files: { 'docker-bake.json': '{ "target": { "a": }' }, words: ['a'] },
  compose: {
    files: {
      'compose.yaml': `
x-base: &base
  context: .
  args: ["A=1", "B", "MISSING"]
services:
  img: { build: { context: ., tags: [] }, image: "img:1" }
  web:
    image: acme/web:\${TAG:-1}
    command: echo hi
    build:
      <<: *base
      context: ./web
      dockerfile: D.prod
      labels: { n: 1, b: true }
      target: prod
      additional_contexts: ["s=service:img", "l=./dir", "alpine=docker-image://alpine"]
      cache_from: ["type=gha", "a/b"]
      cache_to: ["type=inline"]
      secrets: [tok, { source: envs, target: q }]
      platforms: [linux/amd64]
      no_cache: true
      pull: true
      network: host
      ulimits: { nofile: { soft: 1, hard: 2 } }
      extra_hosts: ["h=1.2.3.4"]
      entitlements: [network.host]
      x-bake:
        tags: ["q:1"]
        no-cache-filter: ["a"]
        contexts: { q: "docker-image://q" }
        output: type=docker
  ext:
    extends: { service: web }
    build:
      target: t
  api.v1:
    build: ./api/$$x/\${NOPE:-y}
  inline:
    build:
      dockerfile_inline: |
        FROM scratch
        COPY . /
  none: { image: foo }
  dep:
    profiles: [p]
    build: { context: "https://github.com/a/b.git", dockerfile: ./D, args: { X: "\${TAG+set}", Y: , Z: "\${UNSET-\${TAG}}" } }
secrets:
  tok: { file: ./secret.txt }
  envs: { environment: TOK }
`,
    },
    env: { B: 'bval', TAG: '2', TOK: 'x' },
  },
  'compose files over each other, and .env': {
    files: {
      'a.yaml':
        'services:\n  web:\n    image: w:${V}\n    build: { context: ., args: { A: "1", B: "1" }, tags: ["a"], cache_from: ["type=gha"] }\n',
      'b.yaml':
        'services:\n  web:\n    build: { args: ["A=2"], tags: ["b"], cache_from: ["x/y"], target: t }\n  new: { image: "n:${V}", build: ./n }\n',
      '.env': '# comment\nV=from-env-file\nexport W="quoted"\n',
    },
    words: ['-f', 'a.yaml', '-f', 'b.yaml'],
  },
  'compose and HCL': {
    files: {
      'compose.yaml': 'services:\n  web: { build: ., image: "w:1" }\n  db: { build: ./db }\n',
      'docker-bake.hcl': 'target "web" { args = { A = "1" } }\ntarget "more" { inherits = ["web"] }\n',
    },
    words: ['web', 'db', 'more'],
  },
  'compose that needs a variable': {
    files: { 'compose.yaml': 'services:\n  a: { build: "${X:?need it}" }\n' },
    words: ['a'],
  },
  'compose that is no YAML': { files: { 'compose.yaml': 'services:\n  a: { build: .\n  b: [\n' }, words: ['a'] },
  'the default files': {
    files: {
      'docker-bake.hcl': 'target "default" {\n  tags = ["hcl"]\n  args = { A = "hcl", B = "hcl" }\n}\n',
      'docker-bake.json': '{ "target": { "default": { "tags": ["json"], "labels": { "l": "json" } } } }',
      'docker-bake.override.hcl': 'target "default" { args = { B = "override" } }\n',
    },
  },
};
