import type { CredentialHeaders } from '../auth/transports/transport.js';
import { ClerkError } from '../clerk-error.js';

/**
 * How the Clerk instance that has to prove a request is chosen, where the route does not say it (`@UseClerkInstance`). No claim of a token
 * has a part in it before the token is verified.
 */
export type InstanceChoice =
  /** The one whose key and issuer verify the token. Every instance must have an issuer of its own. */
  | { readonly by: 'issuer' }
  /** The one that the host of the request belongs to: names without port, in lower case. */
  | { readonly by: 'host'; readonly hosts: Readonly<Record<string, string>> }
  /** The one that a header names, by its value. */
  | { readonly by: 'header'; readonly header: string; readonly values: Readonly<Record<string, string>> };

/** Name of the instance that headers choose; null when the token has to. @throws ClerkError TOKEN_ISSUER_REJECTED when they choose none */
export function chooseInstance(choice: InstanceChoice, headers: CredentialHeaders): string | null {
  if (choice.by === 'issuer') return null;
  const [names, value] =
    choice.by === 'host'
      ? [choice.hosts, hostName(headers)]
      : [choice.values, headers[choice.header.toLowerCase()]];
  if (typeof value === 'string' && Object.hasOwn(names, value)) return names[value] ?? null;
  throw new ClerkError('TOKEN_ISSUER_REJECTED', `No Clerk instance is configured for this ${choice.by}.`);
}

/** Says what is wrong with a choice among instances; empty when nothing is. */
export function choiceProblems(
  choice: InstanceChoice,
  instances: readonly { readonly name: string; readonly issuer: string | null }[],
): readonly string[] {
  if (choice.by !== 'issuer') {
    const names = new Set(instances.map(({ name }) => name));
    const chosen = Object.values(choice.by === 'host' ? choice.hosts : choice.values);
    return chosen.flatMap((name) => (names.has(name) ? [] : [`there is no instance named ${name}`]));
  }
  const issuers = instances.map(({ issuer }) => issuer);
  if (!issuers.includes(null) && new Set(issuers).size === issuers.length) return [];
  return ['by issuer, each instance needs a publishableKey or an issuer of its own'];
}

/** RFC 9110, 7.2: the host may have a port. HTTP/2 has the host in `:authority`. */
function hostName(headers: CredentialHeaders): string | undefined {
  const host = headers['host'] ?? headers[':authority'];
  return typeof host === 'string' ? host.replace(/:\d+$/, '').toLowerCase() : undefined;
}
