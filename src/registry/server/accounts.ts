import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Semaphore, ShaleError } from '../../base/index.ts';
import { refusal } from './answer.ts';
import { BCRYPT_COST_MAX, isBcryptOf, parseBcrypt, type BcryptHash } from './bcrypt.ts';

/** Bytes of a file of accounts. */
export const ACCOUNTS_MAX_BYTES: number = 1024 * 1024;

/** Who may use the registry: every account may do everything. */
export class Accounts {
  readonly #hashes: ReadonlyMap<string, BcryptHash>;
  /** What was right before, so that not each request of a pull costs a bcrypt; no password can be read out of it. */
  readonly #right = new Map<string, Buffer>();
  readonly #secret = randomBytes(32);
  readonly #checks = new Semaphore(1);

  constructor(hashes: ReadonlyMap<string, BcryptHash>) {
    this.#hashes = hashes;
  }

  /** Lets a request through that has a name with its password. @throws UNAUTHORIZED, with the challenge for the client */
  async admit(authorization: string | undefined): Promise<void> {
    const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization ?? '') ?? [];
    const decoded = Buffer.from(encoded ?? '', 'base64');
    const colon = decoded.indexOf(':');
    const name = decoded.subarray(0, Math.max(0, colon)).toString();
    if (colon > 0 && (await this.#isRight(name, decoded.subarray(colon + 1)))) return;
    const message = encoded === undefined ? 'this registry asks for a name and password' : 'name or password are wrong';
    throw refusal('UNAUTHORIZED', message, { headers: { 'WWW-Authenticate': 'Basic realm="shale registry"' } });
  }

  async #isRight(name: string, password: Buffer): Promise<boolean> {
    const seal = createHmac('sha256', this.#secret).update(`${name}:`).update(password).digest();
    const known = this.#right.get(name);
    if (known !== undefined && timingSafeEqual(known, seal)) return true;
    // One at a time: it is dear, and everyone may ask. A name that is not there takes as long as a wrong password.
    const [some] = this.#hashes.values();
    const hash = this.#hashes.get(name) ?? some;
    using _turn = await this.#checks.acquire();
    const isRight = hash !== undefined && (await isBcryptOf(password, hash));
    if (!isRight || !this.#hashes.has(name)) return false;
    this.#right.set(name, seal);
    return true;
  }
}

/**
 * Reads a file as `htpasswd -B` writes it: a line `NAME:HASH` for each account; empty lines and comments count for nothing.
 * @throws SERVE_FAILED for a line that is none, naming it, and for hashes other than bcrypt's
 */
export function parseAccounts(text: string, file: string): Accounts {
  const hashes = new Map<string, BcryptHash>();
  for (const [at, full] of text.split('\n').entries()) {
    const line = full.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fail = (why: string, hint?: string): never => {
      throw new ShaleError('SERVE_FAILED', `${file}:${at + 1}: ${why}`, hint === undefined ? {} : { hint });
    };
    const colon = line.indexOf(':');
    if (colon < 1) fail('expected NAME:HASH, as "htpasswd -B" writes it');
    const hash = parseBcrypt(line.slice(colon + 1));
    const name = line.slice(0, colon);
    if (hash === undefined)
      return fail(`the hash of ${name} is not one of bcrypt`, `htpasswd -B ${file} ${name} makes one`);
    if (hash.cost > BCRYPT_COST_MAX)
      fail(`the hash of ${name} has the cost ${hash.cost}, more than ${BCRYPT_COST_MAX}`);
    hashes.set(name, hash);
  }
  if (hashes.size === 0) throw new ShaleError('SERVE_FAILED', `${file} has no accounts`);
  return new Accounts(hashes);
}
