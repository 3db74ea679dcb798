import { createPublicKey, type KeyObject } from 'node:crypto';

/** NIST SP 800-131A: shorter RSA keys prove nothing any more. */
const MODULUS_BITS_MIN = 2_048;

/** Where the public keys of an instance come from. */
export abstract class TokenKeys {
  /** How many times keys were withdrawn: what was verified before the last of them is to be verified anew. */
  abstract readonly withdrawals: number;
  /** Has old keys fetched anew behind the request: for tokens that need no key because they are remembered. No I/O of its own. */
  abstract keepFresh(nowMs: number): void;
  /** The key, if it is at hand: no I/O. `keyId` is what the token names, null when it names none. */
  abstract find(keyId: string | null): KeyObject | null;
  /**
   * The key, asked for where it has to be. Call it when `find` gave null.
   *
   * @throws ClerkError TOKEN_KEY_UNKNOWN when the instance has no such key
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when that cannot be told now
   */
  abstract load(keyId: string | null): Promise<KeyObject>;
}

/** One key, given as PEM: it verifies every token, whatever key id the token names, without any network. */
export class PemTokenKeys extends TokenKeys {
  readonly withdrawals: number = 0;

  constructor(private readonly key: KeyObject) {
    super();
  }

  find(): KeyObject {
    return this.key;
  }

  keepFresh(): void {
    // There is nowhere to fetch it from.
  }

  load(): Promise<KeyObject> {
    return Promise.resolve(this.key);
  }
}

/** An RSA key of at least 2048 bits in PEM, line breaks written out or as `\n`; null when it is not one. */
export function parsePemKey(pem: string): KeyObject | null {
  return usable(() => createPublicKey(pem.replaceAll('\\n', '\n')));
}

/** The usable keys of a JWKS, by key id; null when it is not one. @see https://www.rfc-editor.org/rfc/rfc7517 */
export function parseJwks(jwks: unknown): Map<string, KeyObject> | null {
  const list: unknown = typeof jwks === 'object' && jwks !== null && 'keys' in jwks ? jwks.keys : undefined;
  if (!Array.isArray(list)) return null;
  return new Map(list.flatMap(readRsaJwk));
}

/** A list of one, or of none for a key that is not for us: an instance may publish others. */
function readRsaJwk(jwk: unknown): [string, KeyObject][] {
  if (typeof jwk !== 'object' || jwk === null) return [];
  const { kty, kid, n, e, use = 'sig', alg = 'RS256' }: Readonly<Record<string, unknown>> = { ...jwk };
  if (kty !== 'RSA' || use !== 'sig' || alg !== 'RS256' || typeof kid !== 'string') return [];
  const key = usable(() =>
    createPublicKey({ key: { kty: 'RSA', n: String(n), e: String(e) }, format: 'jwk' }),
  );
  return key === null ? [] : [[kid, key]];
}

function usable(read: () => KeyObject): KeyObject | null {
  try {
    const key = read();
    const isLongEnough = (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MODULUS_BITS_MIN;
    return key.asymmetricKeyType === 'rsa' && isLongEnough ? key : null;
  } catch {
    // Not a key: the caller says what that means.
    return null;
  }
}
