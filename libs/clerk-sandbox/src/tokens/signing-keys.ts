import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { createId } from '../ids.js';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A public key as `GET /v1/jwks` gives it. RFC 7517. */
export interface Jwk {
  readonly use: 'sig';
  readonly kty: 'RSA';
  readonly kid: string;
  readonly alg: 'RS256';
  readonly n: string;
  readonly e: string;
}

/** The instance's RSA keys: the first signs, all verify. */
export class SigningKeys {
  private keys: readonly SigningKey[] = [createSigningKey()];

  get current(): SigningKey {
    const [current] = this.keys;
    if (current === undefined) throw new Error('There is always a current key.');
    return current;
  }

  /** Makes a new key the current one. Tokens of the previous keys stay good only while these are kept. */
  rotate({ keepPrevious }: { keepPrevious: boolean }): SigningKey {
    const next = createSigningKey();
    this.keys = keepPrevious ? [next, ...this.keys] : [next];
    return next;
  }

  jwks(): { keys: Jwk[] } {
    return { keys: this.keys.map(toJwk) };
  }
}

/** A key that belongs to no instance: what a forger would have. */
export function createSigningKey(): SigningKey {
  return { kid: createId('ins', Date.now()), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
}

/** A compact JWS, RS256. RFC 7515. */
export function signJwt(header: object, claims: object, privateKey: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(privateKey, 'base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function toJwk({ kid, publicKey }: SigningKey): Jwk {
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  return { use: 'sig', kty: 'RSA', kid, alg: 'RS256', n, e };
}
