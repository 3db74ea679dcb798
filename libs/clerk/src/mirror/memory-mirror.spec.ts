import { MemoryMirror } from './memory-mirror.js';
import { describeMirrorHistories } from './mirror-histories.contract.js';
import { describeMirror } from './mirror.contract.js';

const create = () => {
  const mirror = new MemoryMirror();
  return { mirror, transaction: mirror.transaction.bind(mirror) };
};

describe('the mirror in memory', () => {
  describeMirror(create);
});

describe('histories in memory', () => {
  describeMirrorHistories(create, { runs: 500 });
});
