/** What somebody can show to a registry. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Exchanged for a token at the registry's token server (Docker's `identitytoken`). */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Shown as it is (Docker's `registrytoken`). */
  | { readonly kind: 'bearer'; readonly token: string };

/** Where credentials are kept. */
export interface CredentialSource {
  /** What belongs to a registry (`host[:port]`, `docker.io` for Docker Hub). @throws CREDENTIALS_UNAVAILABLE */
  find(registry: string): Promise<Credential | undefined>;
}

/** The value of an Authorization header (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Whether the credentials of a registry may go to the server that gives out its tokens: it is the same host, whatever the
 * port, or one of the same registrable domain (`registry.example.com`, `auth.example.com`). Without the public suffix list
 * a short name below a country (`co.uk`) counts as a suffix.
 */
export function isSameOwner(registryHost: string, tokenHost: string): boolean {
  const [a, b] = [hostName(registryHost), hostName(tokenHost)];
  if (a === b) return true;
  if (/^[0-9.]+$|:/.test(a) || /^[0-9.]+$|:/.test(b)) return false;
  const domain = registrableDomain(a);
  return domain !== undefined && domain === registrableDomain(b);
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}

function registrableDomain(name: string): string | undefined {
  const labels = name.split('.');
  const [second = '', first = ''] = labels.slice(-2);
  const count = first.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length < count ? undefined : labels.slice(-count).join('.');
}
