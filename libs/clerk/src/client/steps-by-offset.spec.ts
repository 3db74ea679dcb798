import { stepsByOffset } from './steps-by-offset.js';

const ids = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `org_${index}` }));

describe('a list with offsets only', () => {
  it.each([0, 1, 9, 10, 11, 19, 20, 95])(
    'gives each of %i once, in order, on pages of ten',
    async (count) => {
      const found: string[] = [];
      const list = ids(count);
      const listPage = async ({ limit, offset }: { limit: number; offset: number }) =>
        list.slice(offset, offset + limit);
      for await (const { items } of stepsByOffset(listPage, 10)) found.push(...items.map(({ id }) => id));
      expect(found).toEqual(list.map(({ id }) => id));
    },
  );

  it('misses nothing though earlier ones are deleted and later ones come meanwhile', async () => {
    let list = ids(60);
    const found: string[] = [];
    const listPage = async ({ limit, offset }: { limit: number; offset: number }) =>
      list.slice(offset, offset + limit);
    let pages = 0;
    for await (const { items } of stepsByOffset(listPage, 10)) {
      found.push(...items.map(({ id }) => id));
      pages += 1;
      if (pages === 2) list = list.slice(15);
      if (pages === 3) list = [...list.slice(12), { id: 'org_late' }];
    }
    expect(new Set(found).size).toBe(found.length);
    expect(found).toEqual(expect.arrayContaining(list.map(({ id }) => id)));
    const inOrder = [...ids(60), { id: 'org_late' }].map(({ id }) => id);
    expect(found).toEqual(inOrder.filter((id) => found.includes(id)));
  });
});
