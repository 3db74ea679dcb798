import { GroupCommit, type GroupCommitParts } from './group-commit.js';

interface Write {
  readonly items: readonly number[];
  readonly end: (error?: Error) => void;
}

/** A store whose writes end when the test says so. */
function createGroup(bounds: Partial<GroupCommitParts<number, string>> = {}) {
  const writes: Write[] = [];
  const group = new GroupCommit<number, string>({
    patienceMs: 60_000,
    ...bounds,
    write: (items) =>
      new Promise((resolve, reject) => {
        const results = items.map((item) => `wrote ${item}`);
        writes.push({ items, end: (error) => (error === undefined ? resolve(results) : reject(error)) });
      }),
  });
  return { group, writes };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function turns(count = 5): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) await turn();
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

describe('GroupCommit', () => {
  it('writes what comes together in one write, and gives everybody his own result', async () => {
    const { group, writes } = createGroup();
    const results = Promise.all(numbers(0, 5).map((item) => group.add(item, 1)));
    await turns();
    expect(writes.map(({ items }) => items)).toEqual([[0, 1, 2, 3, 4]]);
    writes[0]?.end();
    expect(await results).toEqual(['wrote 0', 'wrote 1', 'wrote 2', 'wrote 3', 'wrote 4']);
  });

  it('resolves nobody before the write has ended', async () => {
    const { group, writes } = createGroup();
    let isDone = false;
    const added = group.add(1, 1).then(() => (isDone = true));
    await turns();
    expect(isDone).toBe(false);
    writes[0]?.end();
    await added;
  });

  it('has two writes under way at most, and of a hundred items at most', async () => {
    const { group, writes } = createGroup();
    const added: Promise<string>[] = [];
    for (const item of numbers(0, 2)) {
      added.push(group.add(item, 1));
      await turns();
    }
    added.push(...numbers(2, 250).map((item) => group.add(item, 1)));
    await turns();
    expect(writes.map(({ items }) => items.length)).toEqual([1, 1]);
    for (let ended = 0; ended < writes.length; ended += 1) {
      writes[ended]?.end();
      await turns();
    }
    expect(writes.map(({ items }) => items.length)).toEqual([1, 1, 100, 100, 50]);
    expect(await Promise.all(added)).toHaveLength(252);
  });

  it('writes each alone when they cannot be written together: only the one that is at fault fails', async () => {
    const written: number[] = [];
    const group = new GroupCommit<number, number>({
      patienceMs: 60_000,
      write: async (items) => {
        if (items.includes(3)) throw new Error('3 cannot be written');
        written.push(...items);
        return items;
      },
    });
    const results = await Promise.allSettled(numbers(0, 6).map((item) => group.add(item, 1)));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
    ]);
    expect(written).toEqual([0, 1, 2, 4, 5]);
  });

  it('stops trying each alone when one after the other fails: that is an outage', async () => {
    let writes = 0;
    const group = new GroupCommit<number, number>({
      patienceMs: 60_000,
      write: () => {
        writes += 1;
        return Promise.reject(new Error('down'));
      },
    });
    const results = await Promise.allSettled(numbers(0, 50).map((item) => group.add(item, 1)));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(50);
    expect(writes).toBe(1 + 3);
  });

  it.each([
    ['items', { waitingMax: 2 }, 1],
    ['bytes', { waitingBytesMax: 200 }, 100],
  ])('refuses what comes when too many %s wait', async (_what, bounds, bytes) => {
    const { group, writes } = createGroup(bounds);
    const added = [group.add(0, bytes), group.add(1, bytes)];
    await expect(group.add(2, bytes)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await turns();
    writes[0]?.end();
    expect(await Promise.all(added)).toEqual(['wrote 0', 'wrote 1']);
    const later = group.add(3, bytes);
    await turns();
    writes[1]?.end();
    expect(await later).toBe('wrote 3');
  });

  it('does not write what nobody waits for any more', async () => {
    const { group, writes } = createGroup({ patienceMs: 0 });
    void group.add(0, 1);
    await turns();
    expect(writes).toEqual([]);
  });
});
