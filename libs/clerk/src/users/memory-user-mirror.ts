import { MemoryRows } from '../mirror/memory-rows.js';
import { MemoryStore } from '../mirror/memory-store.js';
import { USERS } from '../mirror/mirror-tables.js';
import { UserMirror } from './user-mirror.js';

/** Users in this process only, gone when it ends. */
export class MemoryUserMirror extends UserMirror {
  constructor(store = new MemoryStore()) {
    super(new MemoryRows(store, USERS));
  }
}
