import type { UserMirror } from '../users/user-mirror.js';

/** Everything in the database that follows Clerk. */
export interface Mirror {
  readonly users: UserMirror;
}
