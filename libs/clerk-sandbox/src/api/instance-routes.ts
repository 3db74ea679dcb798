import type { MachineCredentials } from '../state/machine-credentials.js';
import type { SigningKeys } from '../tokens/signing-keys.js';
import type { Routes } from './router.js';

/** The instance, its keys, and credentials of programs. The latter have no version in their paths. */
export function instanceRoutes(instanceId: string, keys: SigningKeys, machine: MachineCredentials): Routes {
  return {
    'GET /v1/jwks': () => keys.jwks(),
    'GET /v1/instance': () => ({
      object: 'instance',
      id: instanceId,
      environment_type: 'development',
      allowed_origins: null,
    }),
    'POST /api_keys': ({ body }) => machine.create('api_key', body),
    'POST /api_keys/verify': ({ body }) => machine.verify('api_key', body['secret']),
    'POST /api_keys/:id/revoke': ({ path, body }) => machine.revoke(path['id'] ?? '', body),
    'POST /m2m_tokens/verify': ({ body }) => machine.verify('machine_to_machine_token', body['token']),
    'POST /m2m_tokens/:id/revoke': ({ path, body }) => machine.revoke(path['id'] ?? '', body),
    'POST /oauth_applications/access_tokens/verify': ({ body }) =>
      machine.verify('clerk_idp_oauth_access_token', body['access_token']),
  };
}
