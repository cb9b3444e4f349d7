import { type ByteStream, ShaleError } from '../../base/index.ts';
import { findField, parseParagraph, type Paragraph } from './paragraph.ts';
import { type Alternatives, parseRelations, type Relation } from './relation.ts';
import { compareVersions } from './version.ts';

/** A package that a mirror offers. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** The image's architecture, or `all`. */
  readonly architecture: string;
  readonly essential: boolean;
  readonly priority: string;
  readonly depends: readonly Alternatives[];
  readonly preDepends: readonly Alternatives[];
  readonly conflicts: readonly Alternatives[];
  readonly breaks: readonly Alternatives[];
  readonly provides: readonly Relation[];
  /** Where it lies below the root of its archive; clean and relative. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
  /** The base URL of the archive, without a slash at its end. */
  readonly archive: string;
}

/** Bytes of one Packages file, uncompressed; unstable's main has 65 MB. */
export const PACKAGES_BYTES_MAX: number = 512 * 1024 * 1024;
const PARAGRAPH_BYTES_MAX = 1024 * 1024;

/**
 * What an archive offers for one architecture. Paragraphs are kept as text and read only when asked for: a base image
 * needs a hundred of sixty thousand.
 */
export class PackagesIndex {
  readonly #texts = new Map<string, OfferedText[]>();
  readonly #providers = new Map<string, string[]>();
  readonly #marked: string[] = [];
  readonly #parsed = new Map<string, readonly Package[]>();
  readonly #architecture: string;

  constructor(architecture: string) {
    this.#architecture = architecture;
  }

  /**
   * Adds the paragraphs of a Packages file.
   * @throws CONTROL_MALFORMED, LIMIT_EXCEEDED.
   */
  async add(stream: ByteStream, archive: string): Promise<void> {
    let rest = '';
    for await (const chunk of stream) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
      // Only the paragraph across the border is joined: the others stay slices of the one string of their chunk.
      const cut = rest.endsWith('\n') && text.startsWith('\n');
      let end = cut ? 0 : text.indexOf('\n\n');
      if (end < 0) {
        rest += text;
      } else {
        this.#addParagraph(rest + text.slice(0, end), archive);
        let start = end + (cut ? 1 : 2);
        for (end = text.indexOf('\n\n', start); end >= 0; end = text.indexOf('\n\n', start)) {
          this.#addParagraph(text.slice(start, end), archive);
          start = end + 2;
        }
        rest = text.slice(start);
      }
      if (rest.length > PARAGRAPH_BYTES_MAX) {
        throw new ShaleError('LIMIT_EXCEEDED', `a paragraph of Packages is longer than ${PARAGRAPH_BYTES_MAX} bytes`);
      }
    }
    if (rest.trim() !== '') this.#addParagraph(rest, archive);
  }

  /** The newest version that is offered under this name. */
  find(name: string): Package | undefined {
    return this.list(name)[0];
  }

  /** Every version that is offered under this name, newest first. */
  list(name: string): readonly Package[] {
    let packages = this.#parsed.get(name);
    if (packages === undefined) {
      packages = (this.#texts.get(name) ?? [])
        .map((offered) => parsePackage(parseParagraph(copyOf(offered.text)), offered.archive))
        .filter((each) => each.architecture === this.#architecture || each.architecture === 'all')
        .toSorted((a, b) => compareVersions(b.version, a.version));
      this.#parsed.set(name, packages);
    }
    return packages;
  }

  /** Newest versions of the packages that provide a name, without the package of that name; sorted by name. */
  listProviders(name: string): readonly Package[] {
    return [...new Set(this.#providers.get(name))].toSorted().flatMap((each) => {
      const found = this.find(each);
      return found?.provides.some((provided) => provided.name === name) === true ? [found] : [];
    });
  }

  /** Packages marked Essential, Protected or `Priority: required`, sorted by name. */
  listMarked(): readonly Package[] {
    return [...new Set(this.#marked)].toSorted().flatMap((name) => this.find(name) ?? []);
  }

  #addParagraph(raw: string, archive: string): void {
    const text = raw.trim();
    if (text === '') return;
    const name = headOf(text);
    const offered = this.#texts.get(name);
    if (offered === undefined) this.#texts.set(name, [{ text, archive }]);
    else offered.push({ text, archive });
    const provides = text.indexOf('\nProvides: ');
    if (provides >= 0) this.#addProvides(name, text, provides + '\nProvides: '.length);
    if (text.includes('\nPriority: required\n') || text.includes('\nEssential: yes\n')) this.#marked.push(name);
  }

  #addProvides(name: string, text: string, start: number): void {
    const end = text.indexOf('\n', start);
    for (const each of text.slice(start, end < 0 ? text.length : end).split(',')) {
      const provided = each.trim().split(/[\s(:]/, 1)[0] ?? '';
      const providers = this.#providers.get(provided);
      if (providers === undefined) this.#providers.set(provided, [name]);
      else providers.push(name);
    }
  }
}

// A slice of a string keeps the whole string alive: what outlives the index must not be one.
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

interface OfferedText {
  readonly text: string;
  readonly archive: string;
}

// Every Packages file starts its paragraphs with the name; reading it like this is what makes 60,000 of them cheap.
function headOf(text: string): string {
  if (!text.startsWith('Package: ')) return parseParagraph(text).get('Package') ?? missing('Package', text);
  const end = text.indexOf('\n');
  return text.slice('Package: '.length, end < 0 ? text.length : end).trimEnd();
}

function parsePackage(fields: Paragraph, archive: string): Package {
  const get = (name: string): string => findField(fields, name) ?? missing(name, fields.get('Package') ?? '?');
  const size = Number(get('Size'));
  const sha256 = get('SHA256');
  const path = get('Filename').replace(/^\.\//, '');
  if (!/^[0-9a-f]{64}$/.test(sha256) || !Number.isSafeInteger(size) || size < 0)
    return missing('SHA256 or Size', get('Package'));
  if (path.split('/').some((part) => part === '' || part === '..' || part === '.'))
    return missing('Filename', get('Package'));
  return {
    name: get('Package'),
    version: get('Version'),
    architecture: get('Architecture'),
    essential: findField(fields, 'Essential') === 'yes',
    priority: findField(fields, 'Priority') ?? 'optional',
    depends: parseRelations(findField(fields, 'Depends')),
    preDepends: parseRelations(findField(fields, 'Pre-Depends')),
    conflicts: parseRelations(findField(fields, 'Conflicts')),
    breaks: parseRelations(findField(fields, 'Breaks')),
    provides: parseRelations(findField(fields, 'Provides')).flat(),
    path,
    sizeBytes: size,
    sha256,
    archive,
  };
}

function missing(field: string, what: string): never {
  throw new ShaleError('CONTROL_MALFORMED', `a package of the mirror has no usable ${field}: ${what.slice(0, 100)}`, {
    data: { field },
  });
}
