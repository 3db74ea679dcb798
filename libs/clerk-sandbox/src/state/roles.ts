import { notFound } from '../api/api-error.js';
import { optionalText, type Parameters } from './parameters.js';

/** What a role may do in the sandbox's one organisation feature, `invoices`. System permissions are Clerk's own. */
const ROLE_PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  'org:admin': ['org:invoices:read', 'org:invoices:manage', 'org:sys_memberships:manage'],
  'org:member': ['org:invoices:read', 'org:sys_memberships:read'],
};

/** The role that is asked for, with what it may do. @throws ApiError 404 */
export function roleOf(parameters: Parameters): { role: string; permissions: string[] } {
  const role = optionalText(parameters, 'role') ?? '';
  const permissions = ROLE_PERMISSIONS[role];
  if (permissions === undefined) throw notFound('Role');
  return { role, permissions: [...permissions] };
}
