import { MemoryUserMirror } from '../users/memory-user-mirror.js';
import type { Mirror } from './mirror.js';

/** In this process only. */
export class MemoryMirror implements Mirror {
  readonly users = new MemoryUserMirror();

  /** Does all of `work` or nothing of it, one after the other. */
  transaction<T>(work: (mirror: Mirror) => Promise<T>): Promise<T> {
    return this.users.transaction((users) => work({ users }));
  }
}
