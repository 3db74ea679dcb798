import { randomUUID } from 'node:crypto';

import { RatingsService } from '../apps/api/src/ratings/ratings.service.js';
import { createPerson } from './support/person.js';
import { startTestService, type TestService, until } from './support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
}, 90_000);

afterAll(() => service.stop());

const person = () => createPerson(service);
const anErrand = () => `errand_${randomUUID()}`;

interface Said {
  readonly errand: string;
  readonly role: string;
  readonly about: string;
  readonly stars: unknown;
}

const rate = (token: string, { errand, role, about, stars }: Said) =>
  service.call(`/api/ratings/${errand}/${role}`, {
    method: 'PUT',
    token,
    body: { clerk_user_id: about, stars },
  });

async function averagesOf(token: string) {
  const { status, body } = await service.call('/api/users/me', { token });
  expect(status).toBe(200);
  return [body.user.customerRating, body.user.runnerRating];
}

describe('guide Campus: ratings of users', () => {
  it('GET /api/users/me carries customerRating and runnerRating: null until somebody has rated', async () => {
    const { token } = await person();
    expect(await averagesOf(token)).toEqual([null, null]);
  });

  it('GET /api/users/me carries the averages of what others gave, by role, to two decimals', async () => {
    const [ada, ben, cay, dan] = await Promise.all([person(), person(), person(), person()]);
    const errand = anErrand();
    await rate(ben.token, { errand, role: 'runner', about: ada.id, stars: 5 });
    await rate(cay.token, { errand, role: 'runner', about: ada.id, stars: 4 });
    await rate(dan.token, { errand, role: 'runner', about: ada.id, stars: 4 });
    await rate(dan.token, { errand, role: 'customer', about: ada.id, stars: 2 });
    expect(await averagesOf(ada.token)).toEqual([2, 4.33]);
    expect(await averagesOf(ben.token)).toEqual([null, null]);
  });

  it('PUT /api/ratings/:errandId/:role answers with the rating, and a second one replaces it', async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const errand = anErrand();
    const first = await rate(ben.token, { errand, role: 'runner', about: ada.id, stars: 1 });
    expect([first.status, first.body]).toEqual([
      200,
      {
        rating: {
          errand_id: errand,
          role: 'runner',
          clerk_user_id: ada.id,
          stars: 1,
          created_at: expect.stringMatching(/Z$/),
          updated_at: expect.stringMatching(/Z$/),
        },
      },
    ]);
    const changed = await rate(ben.token, { errand, role: 'runner', about: ada.id, stars: 3 });
    expect(changed.body.rating).toMatchObject({ stars: 3, created_at: first.body.rating.created_at });
    expect(await averagesOf(ada.token)).toEqual([null, 3]);
    await rate(ben.token, { errand, role: 'customer', about: ada.id, stars: 4 });
    await rate(ben.token, { errand: anErrand(), role: 'runner', about: ada.id, stars: 4 });
    expect(await averagesOf(ada.token)).toEqual([4, 3.5]);
  });

  it('of one rater, role and errand there is one rating, however many writers race', async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const errand = anErrand();
    const stars = [1, 2, 3, 4, 5, 1, 2, 3];
    const answers = await Promise.all(
      stars.map((given) => rate(ben.token, { errand, role: 'runner', about: ada.id, stars: given })),
    );
    expect(answers.map(({ status }) => status)).toEqual(stars.map(() => 200));
    const rows = await service.prisma.rating.findMany({ where: { errandId: errand } });
    expect(rows).toHaveLength(1);
    expect(await averagesOf(ada.token)).toEqual([null, rows[0]?.stars]);
  });

  it('nobody rates himself', async () => {
    const { id, token } = await person();
    const answer = await rate(token, { errand: anErrand(), role: 'runner', about: id, stars: 5 });
    expect([answer.status, answer.body.code]).toEqual([400, 'RATING_OF_ONESELF']);
    expect(await averagesOf(token)).toEqual([null, null]);
  });

  it("a user's ratings go with him, those that he gave and those that he was given", async () => {
    const [ada, ben, cay] = await Promise.all([person(), person(), person()]);
    const errand = anErrand();
    await rate(ben.token, { errand, role: 'runner', about: ada.id, stars: 1 });
    await rate(cay.token, { errand, role: 'runner', about: ada.id, stars: 5 });
    await rate(ada.token, { errand, role: 'customer', about: ben.id, stars: 2 });
    await rate(ada.token, { errand, role: 'runner', about: ben.id, stars: 2 });
    expect(await averagesOf(ada.token)).toEqual([null, 3]);
    service.clerk.users.delete(ben.id);
    await until(
      () => averagesOf(ada.token),
      ([, runner]) => runner === 5,
    );
    const left = await service.prisma.rating.findMany({ where: { errandId: errand } });
    expect(left.map(({ raterClerkId }) => raterClerkId)).toEqual([cay.id]);
  });
});

describe('guide Campus: a list of ratings', () => {
  it('holds what the user gave and nothing else, page after page, the newest first', async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const errands = [anErrand(), anErrand(), anErrand()];
    for (const errand of errands) {
      await rate(ben.token, { errand, role: 'runner', about: ada.id, stars: 4 });
    }
    await rate(ada.token, { errand: anErrand(), role: 'customer', about: ben.id, stars: 5 });
    const list = (query: string) => service.call(`/api/ratings${query}`, { token: ben.token });
    const first = await list('?limit=2');
    expect(first.body.ratings.map((rating: { errand_id: string }) => rating.errand_id)).toEqual(
      errands.toReversed().slice(0, 2),
    );
    const second = await list(`?limit=2&cursor=${first.body.next_cursor}`);
    expect(second.body).toEqual({
      ratings: [expect.objectContaining({ errand_id: errands[0] })],
      next_cursor: null,
    });
    expect((await list('')).body.ratings).toHaveLength(3);
  });

  it('holds each rating once, where many are of one moment, 20 on a page unless it says otherwise', async () => {
    const { id, token } = await person();
    const createdAt = new Date('2026-01-01T00:00:00.123Z');
    const said = {
      role: 'runner',
      raterClerkId: id,
      ratedClerkId: 'user_rated',
      stars: 3,
      createdAt,
      updatedAt: createdAt,
    };
    const errands = Array.from({ length: 23 }, anErrand);
    await service.prisma.rating.createMany({
      data: errands.map((errandId) => Object.assign({ errandId }, said)),
    });
    const first = await service.call('/api/ratings', { token });
    const second = await service.call(`/api/ratings?cursor=${first.body.next_cursor}`, { token });
    expect([first, second].map(({ body }) => body.ratings.length)).toEqual([20, 3]);
    const seen = [...first.body.ratings, ...second.body.ratings];
    expect(new Set(seen.map(({ errand_id }) => errand_id))).toEqual(new Set(errands));
  });

  it.each([
    ['no number', 'limit=ten'],
    ['nothing', 'limit=0'],
    ['more than a page', 'limit=101'],
    ['a limit twice', 'limit=1&limit=2'],
    ['an empty cursor', 'cursor='],
    ['a cursor that nobody gave', 'cursor=abc'],
    ['a cursor beyond all times', `cursor=${cursor('999999999999999')}`],
    ['a cursor of no row', `cursor=${Buffer.from('1700000000000.1').toString('base64url')}`],
    ['a cursor with more behind it', `cursor=${cursor('1700000000000')}AAAA`],
    ['a parameter that is not there', 'page=2'],
  ])('is 400 for %s', async (_name, query) => {
    const { token } = await person();
    const answer = await service.call(`/api/ratings?${query}`, { token });
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

function cursor(ms: string): string {
  return Buffer.from(`${ms}.00000000-0000-4000-8000-000000000000`).toString('base64url');
}

describe('a rating that cannot be kept', () => {
  it.each<[string, Partial<Said>, number, string]>([
    ['no star', { stars: 0 }, 400, 'VALIDATION_FAILED'],
    ['six stars', { stars: 6 }, 400, 'VALIDATION_FAILED'],
    ['half a star', { stars: 2.5 }, 400, 'VALIDATION_FAILED'],
    ['stars in text', { stars: '5' }, 400, 'VALIDATION_FAILED'],
    ['another role', { role: 'driver' }, 400, 'VALIDATION_FAILED'],
    ['an errand id that is none', { errand: 'a%00b' }, 400, 'VALIDATION_FAILED'],
    ['a long errand id', { errand: 'e'.repeat(65) }, 400, 'VALIDATION_FAILED'],
    ['a user id that is none', { about: 'me' }, 400, 'VALIDATION_FAILED'],
    ['a user who is not here', { about: 'user_nobody' }, 404, 'USER_NOT_FOUND'],
  ])('is refused: %s', async (_name, wrong, status, code) => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const said = { errand: anErrand(), role: 'runner', about: ada.id, stars: 5, ...wrong };
    const answer = await rate(ben.token, said);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await service.prisma.rating.count({ where: { raterClerkId: ben.id } })).toBe(0);
  });

  it('is 401 without a token', async () => {
    const answer = await service.call('/api/ratings/e1/runner', { method: 'PUT', body: {} });
    expect([answer.status, answer.body.code]).toEqual([401, 'TOKEN_MISSING']);
  });

  it('leaves nothing when one of the two was deleted in between', async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    service.clerk.users.delete(ada.id);
    await until(
      () => service.prisma.user.findUnique({ where: { clerkId: ada.id } }),
      (row) => row?.deletedAt instanceof Date,
    );
    const about = await rate(ben.token, { errand: anErrand(), role: 'runner', about: ada.id, stars: 5 });
    expect([about.status, about.body.code]).toEqual([404, 'USER_NOT_FOUND']);
    // As in a request that was let in before: the guard would refuse it now.
    const late = new RatingsService(service.prisma).rate(
      { userId: ada.id },
      { errandId: anErrand(), role: 'runner' },
      { ratedId: ben.id, stars: 1 },
    );
    await expect(late).rejects.toMatchObject({ code: 'USER_DELETED' });
    expect(await averagesOf(ben.token)).toEqual([null, null]);
  });
});
