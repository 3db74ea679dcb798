import { allAssessments, type Assessment } from '../apps/api/src/assessments/catalogue.js';
import { createPerson } from './support/person.js';
import { startTestService, type TestService, until } from './support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
}, 90_000);

afterAll(() => service.stop());

const person = (firstName?: string) => createPerson(service, firstName);
const [reef, tides] = allAssessments();
const get = (path: string, token: string) => service.call(`/api/assessments${path}`, { token });

function take(token: string, slug: string, answers: unknown) {
  return service.call(`/api/assessments/${slug}/attempts`, { token, body: { answers } });
}

/** Right answers to the first `correct` questions, wrong ones to the others. */
function answersTo(assessment: Assessment | undefined, correct = Infinity): Record<string, number> {
  const entries = assessment?.questions.map(({ id, choices, correctChoice }, index) => [
    id,
    index < correct ? correctChoice : (correctChoice + 1) % choices.length,
  ]);
  return Object.fromEntries(entries ?? []);
}

/** Takes the reef assessment with all right, and gives the certificate's code. */
async function pass(token: string): Promise<string> {
  expect((await take(token, 'reef-safety', answersTo(reef))).status).toBe(201);
  const { body } = await get('/reef-safety', token);
  return body.assessment.certificate_code;
}

describe('guide Assessments', () => {
  it('GET /api/assessments lists what can be taken, and how far the user is', async () => {
    const { token } = await person();
    const untouched = { attempts: 0, best_correct: null, is_passed: false, certificate_code: null };
    expect((await get('', token)).body).toEqual({
      assessments: [
        {
          slug: 'reef-safety',
          title: 'Safety at the reef',
          question_count: 4,
          correct_min: 3,
          ...untouched,
        },
        {
          slug: 'tide-tables',
          title: 'Reading tide tables',
          question_count: 2,
          correct_min: 2,
          ...untouched,
        },
      ],
    });
  });

  it('GET /api/assessments/:slug asks the questions, and does not tell the answers', async () => {
    const { token } = await person();
    const { body, text } = await get('/reef-safety', token);
    expect(body.questions).toEqual(reef?.questions.map(({ id, text, choices }) => ({ id, text, choices })));
    expect(text).not.toMatch(/correct_?choice/i);
  });

  it('POST /api/assessments/:slug/attempts grades an attempt and keeps it, linked by our user id and by that of Clerk', async () => {
    const { id, token } = await person();
    const { status, body } = await take(token, 'reef-safety', answersTo(reef, 2));
    expect([status, body]).toEqual([
      201,
      {
        attempt: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          assessment: 'reef-safety',
          correct: 2,
          total: 4,
          is_passed: false,
          created_at: expect.stringMatching(/Z$/),
        },
      },
    ]);
    const user = await service.prisma.user.findUniqueOrThrow({ where: { clerkId: id } });
    const row = await service.prisma.assessmentAttempt.findUnique({ where: { id: body.attempt.id } });
    expect(row).toMatchObject({ userId: user.id, clerkUserId: id, correct: 2 });
    expect((await get(`/attempts/${body.attempt.id}`, token)).body).toEqual(body);
  });

  it('GET /api/assessments/attempts is the history, page after page, the newest first', async () => {
    const [{ token }, other] = await Promise.all([person(), person()]);
    for (const correct of [0, 1, 2]) await take(token, 'reef-safety', answersTo(reef, correct));
    await take(other.token, 'reef-safety', answersTo(reef, 4));
    const first = await get('/attempts?limit=2', token);
    const counts = ({ body }: typeof first) =>
      body.attempts.map(({ correct }: { correct: number }) => correct);
    expect(counts(first)).toEqual([2, 1]);
    const second = await get(`/attempts?limit=2&cursor=${first.body.next_cursor}`, token);
    expect([counts(second), second.body.next_cursor]).toEqual([[0], null]);
    const wrong = await get('/attempts?cursor=abc', token);
    expect([wrong.status, wrong.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it('GET /api/assessments/:slug shows the progress: attempts, the best, and the certificate on passing', async () => {
    const { token } = await person();
    const progress = async () => (await get('/reef-safety', token)).body.assessment;
    await take(token, 'reef-safety', answersTo(reef, 2));
    await take(token, 'reef-safety', answersTo(reef, 1));
    expect(await progress()).toMatchObject({ attempts: 2, best_correct: 2, is_passed: false });
    await take(token, 'reef-safety', answersTo(reef, 3));
    await take(token, 'reef-safety', answersTo(reef, 0));
    expect(await progress()).toMatchObject({
      attempts: 4,
      best_correct: 3,
      is_passed: true,
      certificate_code: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const { body } = await get('/tide-tables', token);
    expect(body.assessment).toMatchObject({ attempts: 0, certificate_code: null });
  });

  it('there is one certificate for each user and assessment, however many attempts pass at once', async () => {
    const { id, token } = await person();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => take(token, 'tide-tables', answersTo(tides))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 201));
    expect(await service.prisma.certificate.count({ where: { clerkUserId: id } })).toBe(1);
    expect(await service.prisma.assessmentAttempt.count({ where: { clerkUserId: id } })).toBe(6);
  });

  it("somebody else's attempt is 404, as one that is not there", async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const { body } = await take(ada.token, 'reef-safety', answersTo(reef));
    for (const id of [body.attempt.id, '00000000-0000-4000-8000-000000000000']) {
      const answer = await get(`/attempts/${id}`, ben.token);
      expect([answer.status, answer.body.code]).toEqual([404, 'ATTEMPT_NOT_FOUND']);
    }
  });

  it("a deleted user's results are anonymised: they stay, and are nobody's", async () => {
    const { id, token } = await person('Adelheid');
    const code = await pass(token);
    const attempt = await service.prisma.assessmentAttempt.findFirstOrThrow({ where: { clerkUserId: id } });
    service.clerk.users.delete(id);
    const row = await until(
      () => service.prisma.assessmentAttempt.findUnique({ where: { id: attempt.id } }),
      (found) => found?.clerkUserId === null,
    );
    expect(row).toEqual({ ...attempt, userId: null, clerkUserId: null });
    const certificate = await service.prisma.certificate.findUnique({ where: { code } });
    expect(certificate).toMatchObject({ userId: null, clerkUserId: null, holderName: null });
    const { status, text } = await service.call(`/certificates/${code}`, {
      headers: { accept: 'text/html' },
    });
    expect([status, text.includes('Adelheid'), text.includes('not named')]).toEqual([200, false, true]);
  });
});

describe('guide Assessments: a certificate', () => {
  it('GET /certificates/:code verifies it for everybody, with the name as it was on passing', async () => {
    const { id, token } = await person('Ada');
    const code = await pass(token);
    service.clerk.users.update(id, { first_name: 'Adele' });
    await until(
      () => service.prisma.user.findUnique({ where: { clerkId: id } }),
      (user) => user?.firstName === 'Adele',
    );
    await pass(token);
    const answer = await service.call(`/certificates/${code}`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        certificate: {
          code,
          assessment: 'reef-safety',
          title: 'Safety at the reef',
          holder_name: 'Ada',
          issued_at: expect.stringMatching(/Z$/),
        },
      },
    ]);
    expect(answer.text).not.toMatch(/user_|example\.com/);
  });

  it('GET /certificates/:code with Accept: text/html is a page to print, on which a name can run nothing', async () => {
    const { token } = await person('<script>alert(1)</script>');
    const code = await pass(token);
    const { headers, text } = await service.call(`/certificates/${code}`, {
      headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    });
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).not.toContain('<script');
    const sent = ['content-type', 'cache-control', 'vary', 'x-content-type-options', 'x-robots-tag'];
    expect(sent.map((name) => headers.get(name))).toEqual([
      'text/html; charset=utf-8',
      'no-store',
      'accept',
      'nosniff',
      'noindex',
    ]);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  });

  it.each([
    ['no code', 'xyz', 400, 'VALIDATION_FAILED'],
    ['a code in capitals', 'A'.repeat(32), 400, 'VALIDATION_FAILED'],
    ['a code that nobody has', '0'.repeat(32), 404, 'CERTIFICATE_NOT_FOUND'],
  ])('is not there for %s', async (_name, code, status, problem) => {
    const answer = await service.call(`/certificates/${code}`, { headers: { accept: 'text/html' } });
    expect([answer.status, answer.body.code]).toEqual([status, problem]);
  });
});

describe('an attempt that cannot be graded', () => {
  const right = answersTo(reef);

  it.each<[string, unknown, number, string]>([
    ['nothing', undefined, 400, 'VALIDATION_FAILED'],
    ['a list', [1, 2, 0, 1], 400, 'VALIDATION_FAILED'],
    ['too few answers', { buddy: 1 }, 400, 'VALIDATION_FAILED'],
    ['another question', { ...right, other: 1 }, 400, 'VALIDATION_FAILED'],
    ['a choice that is not there', { ...right, buddy: 9 }, 400, 'VALIDATION_FAILED'],
    ['a choice in text', { ...right, buddy: '1' }, 400, 'VALIDATION_FAILED'],
    ['half a choice', { ...right, buddy: 0.5 }, 400, 'VALIDATION_FAILED'],
  ])('is refused, and not kept: %s', async (_name, answers, status, code) => {
    const { id, token } = await person();
    const answer = await take(token, 'reef-safety', answers);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await service.prisma.assessmentAttempt.count({ where: { clerkUserId: id } })).toBe(0);
  });

  it.each<[string, object, string | RegExp]>([
    [
      'ninety thousand answers, without looking at each',
      numbered(90_000, 'k'),
      'answers: must be at most 100 answers',
    ],
    ['long names, which it cuts', numbered(10, 'k'.repeat(5_000)), /^answers\.k{992}$/],
  ])('is refused in a few words: %s', async (_name, answers, detail) => {
    const { token } = await person();
    const answer = await take(token, 'reef-safety', answers);
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(answer.body.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
  });

  it.each([
    ['an assessment that is not there', '/reef', 404, 'ASSESSMENT_NOT_FOUND'],
    ['a name that every object has', '/constructor', 404, 'ASSESSMENT_NOT_FOUND'],
    ['an attempt id that is none', '/attempts/1', 400, 'VALIDATION_FAILED'],
  ])('nor is there %s', async (_name, path, status, code) => {
    const { token } = await person();
    const answer = await get(path, token);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('is 404 for an assessment that is not there', async () => {
    const { token } = await person();
    const answer = await take(token, 'reef', right);
    expect([answer.status, answer.body.code]).toEqual([404, 'ASSESSMENT_NOT_FOUND']);
  });

  it.each(['', '/attempts', '/reef-safety'])('is 401 without a token: %s', async (path) => {
    const answer = await service.call(`/api/assessments${path}`);
    expect([answer.status, answer.body.code]).toEqual([401, 'TOKEN_MISSING']);
  });
});

function numbered(count: number, prefix: string): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, 0]));
}
