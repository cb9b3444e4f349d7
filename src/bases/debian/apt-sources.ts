import { ShaleError } from '../../base/index.ts';
import { findField, parseParagraphs } from './paragraph.ts';

/** A file that tells apt where packages come from. */
export interface AptSourcesFile {
  /** Its path; `.sources` means deb822, everything else one line per entry. */
  readonly path: string;
  readonly text: string;
}

/** One binary archive that a host uses (sources.list(5)). */
export interface AptSource {
  /** Without a slash at its end. */
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

/** Every enabled entry for binary packages, in the order in which apt reads the files. */
export function parseAptSources(files: readonly AptSourcesFile[]): AptSource[] {
  return files.flatMap((file) => (file.path.endsWith('.sources') ? parseDeb822(file.text) : parseOneLine(file.text)));
}

function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const paragraph of parseParagraphs(text)) {
    const words = (name: string): string[] =>
      (findField(paragraph, name) ?? '').split(/\s+/).filter((word) => word !== '');
    if (/^(no|false|without|off|disable)$/i.test(findField(paragraph, 'Enabled') ?? 'yes')) continue;
    if (!words('Types').includes('deb')) continue;
    for (const uri of words('URIs')) {
      for (const suite of words('Suites')) {
        sources.push({
          uri: trimUri(uri),
          suite,
          components: words('Components'),
          signedBy: findField(paragraph, 'Signed-By'),
        });
      }
    }
  }
  return sources;
}

const ONE_LINE = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/;

function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', uri, suite, components = ''] = ONE_LINE.exec(line.replace(/#.*$/, '')) ?? [];
    if (uri === undefined || suite === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [{ uri: trimUri(uri), suite, components: components.split(/\s+/).filter((word) => word !== ''), signedBy }];
  });
}

function trimUri(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** The archives of Debian itself among a host's sources. */
export interface HostMirrors {
  readonly main: string | undefined;
  readonly security: string | undefined;
}

/**
 * Picks Debian's own archives. Other archives for Debian systems have suites of the same names, so one counts only
 * when it has Debian's keyring or the usual name at the end of its address.
 */
export function findHostMirrors(sources: readonly AptSource[]): HostMirrors {
  const usable = sources.filter((each) => /^(https?|file):\//.test(each.uri) && each.components.includes('main'));
  const signed = (each: AptSource): boolean => each.signedBy?.includes('debian-archive') ?? false;
  const isSecurity = (each: AptSource): boolean => each.suite.endsWith('-security') || each.suite.endsWith('/updates');
  const main = usable.filter((each) => !isSecurity(each) && (signed(each) || each.uri.endsWith('/debian')));
  const security = usable.filter((each) => isSecurity(each) && (signed(each) || each.uri.endsWith('/debian-security')));
  return { main: (main.find(signed) ?? main[0])?.uri, security: (security.find(signed) ?? security[0])?.uri };
}

/** Where the mirror may be named, most important first. */
export interface MirrorChoice {
  readonly option: string | undefined;
  /** `SHALE_MIRROR_DEBIAN` or the configuration. */
  readonly configured: string | undefined;
  readonly sources: readonly AptSource[];
}

/**
 * The address of the Debian mirror to use, without a slash at its end.
 * @throws MIRROR_UNKNOWN when nothing names one, MIRROR_INVALID.
 */
export function chooseMirror(choice: MirrorChoice): string {
  const mirror = choice.option ?? choice.configured ?? findHostMirrors(choice.sources).main;
  if (mirror === undefined || mirror === '') {
    throw new ShaleError('MIRROR_UNKNOWN', "no Debian mirror is named, and this host's apt sources have none", {
      hint: 'name one with --mirror URL or the variable SHALE_MIRROR_DEBIAN',
    });
  }
  if (!/^(https?:\/\/[^\s/]+|file:\/\/)/.test(mirror)) {
    throw new ShaleError('MIRROR_INVALID', `${JSON.stringify(mirror)} is not the address of a mirror`, {
      hint: 'an address starts with http://, https:// or file://',
    });
  }
  return trimUri(mirror);
}
