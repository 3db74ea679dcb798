import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { SEEDED_USERS } from 'clerk-sandbox';
import { type Browser, chromium, type Page } from 'playwright-core';

import { readEnvironment } from '../../apps/api/src/config/environment.js';
import { startTestService, type TestService, until } from '../support/service.js';

import.meta.jest.setTimeout(90_000);

const { free, pro, enterprise } = SEEDED_USERS;
/** Where to put the README's pictures; where it is not set, none are taken. */
const { PLAYGROUND_IMAGES: imagesDirectory } = process.env;

// Text, as it runs in the page: here there is no document.
const TEXTS_TOO_FAINT = readFileSync(join(import.meta.dirname, 'texts-too-faint.js'), 'utf8');

let service: TestService;
let browser: Browser;

beforeAll(async () => {
  service = await startTestService({ rateLimits: readEnvironment({}).rateLimits });
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

/** A page of its own; what it complains of and whom it asks is kept. */
async function open(colorScheme: 'light' | 'dark' = 'light') {
  const page = await browser.newPage({
    colorScheme,
    viewport: { width: 1100, height: 1000 },
    locale: 'en-GB',
  });
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (asked) => hosts.add(new URL(asked.url()).origin));
  await page.goto(service.url);
  return { page, complaints, hosts };
}

const signIn = async (page: Page, name: string) => {
  await page.getByRole('group', { name: 'Sign in as' }).getByRole('button', { name }).click();
  await page.getByText(`${name} is signed in`).waitFor();
};

const log = (page: Page) => page.getByRole('log', { name: 'Messages' });
const say = async (page: Page, text: string) => {
  await page.getByLabel('Message', { exact: true }).fill(text);
  // The answer before may still be being kept: until it is, nothing is sent.
  await page.locator('button[type="submit"]:enabled').waitFor();
  await page.keyboard.press('Enter');
};
const rows = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

describe('guide Playground', () => {
  it('signs in, chats to the limit, and counts down what the 429 asks to wait', async () => {
    const { page, complaints, hosts } = await open();
    await signIn(page, 'Fiona Free');
    await page.getByText('on the FREE tier, fiona.free@example.com in the database').waitFor();
    await page.getByRole('definition').filter({ hasText: free.id }).waitFor();
    const timer = page.getByRole('timer');
    const answerTo = (message: string) => log(page).getByText(`Now you say: “${message}”.`);
    let answered = 0;
    for (; answered <= 10 && !(await timer.isVisible()); answered += 1) {
      const message = `Message ${answered + 1}`;
      await say(page, message);
      await answerTo(message).or(timer).first().waitFor();
      if (!(await answerTo(message).isVisible())) break;
    }
    // Ten a minute, of which the page has spent one on the user.
    expect(answered).toBe(9);
    await page.getByText('The rate limit is reached (429): the message waits.').waitFor();
    const secondsLeft = async () => Number.parseInt((await timer.textContent()) ?? '', 10);
    const before = await secondsLeft();
    expect(before).toBeGreaterThan(1);
    expect(before).toBeLessThanOrEqual(60);
    await until(secondsLeft, (seconds) => seconds <= before - 2);
    expect(await page.getByRole('meter', { name: /minute/ }).getAttribute('value')).toBe('0');
    await page.getByRole('button', { name: 'Stop' }).click();
    await log(page).getByRole('button', { name: 'Send again' }).waitFor();
    expect(await timer.count()).toBe(0);
    // The refusal is the page's one complaint: the browser writes every 4xx into its console.
    expect(complaints.filter((text) => !text.includes('429'))).toEqual([]);
    expect([...hosts]).toEqual([service.url]);
    await page.close();
  });

  it('renews the token before it ends, and gives the budget back when its window has ended', async () => {
    const { page } = await open();
    await page.clock.install();
    await page.goto(service.url);
    await signIn(page, 'Paul Pro');
    await say(page, 'Hello');
    const minute = page.getByRole('meter', { name: /minute/ });
    await minute.waitFor();
    expect(await minute.getAttribute('value')).not.toBe('100');
    const claims = page.getByRole('definition');
    const before = await claims.allTextContents();
    const renewed = page.waitForResponse(/\/playground\/sessions\/\w+\/token$/);
    await page.clock.fastForward(51_000);
    expect((await renewed).status()).toBe(200);
    // Its id is among them.
    await until(
      () => claims.allTextContents(),
      (now) => now.length === before.length && now.join() !== before.join(),
    );
    await page.clock.fastForward(10_000);
    await page.locator('meter[value="100"]').waitFor();
    await page.close();
  });

  it('shows a webhook arrive, a dead letter, and its replay', async () => {
    const { page, complaints } = await open();
    await signIn(page, 'Paul Pro');
    await rows(page, 'session.created')
      .filter({ hasText: /applied|ignored/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Send one that fails' }).click();
    await page.getByText('Dead letters: 1.').waitFor();
    await page.getByLabel('Dead letters only').check();
    const dead = rows(page, 'user.updated');
    expect(await dead.getByRole('cell').allTextContents()).toEqual([
      expect.stringMatching(/^\d+ s$/),
      '204',
      'dead PlaygroundFailure',
      '10',
      'Replay',
    ]);
    if (imagesDirectory === undefined)
      await dead.getByRole('button', { name: /^Replay user.updated/ }).click();
    else await takePictures(page);
    await page.getByText('Dead letters: 0.').waitFor();
    await page.getByLabel('Dead letters only').uncheck();
    await rows(page, 'user.updated')
      .filter({ hasText: 'applied' })
      .filter({ hasText: '204, 204' })
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  /** With a dead letter to be seen; replays it after that. */
  async function takePictures(page: Page): Promise<void> {
    await page.getByLabel('Dead letters only').uncheck();
    await say(page, 'What do you know about me?');
    await log(page).getByText('Now you say').waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${imagesDirectory}/playground-${colorScheme}.png`, fullPage: true });
    }
    await rows(page, 'dead').getByRole('button').first().click();
  }

  it('shows nothing of the last user to the next, and nothing to nobody', async () => {
    const { page } = await open();
    await signIn(page, 'Erin Enterprise');
    await say(page, 'A secret of Erin');
    await log(page).getByText('Now you say').waitFor();
    await signIn(page, 'Paul Pro');
    expect(await page.getByRole('main').textContent()).not.toMatch(
      /secret|Erin Enterprise is|erin\.enterprise@/,
    );
    expect(await page.getByRole('definition').allTextContents()).toContain(pro.id);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('Nobody is signed in.').waitFor();
    expect(await page.getByRole('definition').count()).toBe(0);
    expect(await page.getByLabel('Message', { exact: true }).isDisabled()).toBe(true);
    await rows(page, 'session.ended').first().waitFor();
    await page.close();
  });

  it('can be used from the keyboard alone, in the order in which it is read', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Fiona Free' }).waitFor();
    const focused = () =>
      page.evaluate<string>(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent",
      );
    const stops: unknown[] = [];
    for (let stop = 0; stop < 4; stop += 1) {
      await page.keyboard.press('Tab');
      stops.push(await focused());
    }
    expect(stops).toEqual(['The API', 'Fiona Free free_user', 'Paul Pro pro', 'Erin Enterprise enterprise']);
    await page.keyboard.press('Enter');
    await page.getByText('Erin Enterprise is signed in').waitFor();
    // Where one was, one stays.
    expect(await focused()).toBe('Erin Enterprise enterprise');
    for (const stop of ['Sign out', 'Messages', '']) {
      await page.keyboard.press('Tab');
      expect(await focused()).toBe(stop);
    }
    await page.keyboard.type('Hello');
    await page.keyboard.press('Enter');
    await log(page).getByText('Now you say: “Hello”.').waitFor();
    expect(await page.getByRole('button', { name: enterprise.firstName }).getAttribute('aria-pressed')).toBe(
      'true',
    );
    await page.close();
  });

  it.each(['light', 'dark'] as const)(
    'names its parts to a screen reader, and is legible when it is %s',
    async (scheme) => {
      const { page } = await open(scheme);
      await signIn(page, 'Paul Pro');
      await say(page, 'Hello');
      await page.getByRole('meter').waitFor();
      await rows(page, 'session.created').first().waitFor();
      expect(await page.getByRole('banner').count()).toBe(1);
      expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
      const regions = ['Sign in', 'Session token', 'Chat', 'Webhooks'];
      for (const name of regions)
        expect(await page.getByRole('region', { name, exact: true }).count()).toBe(1);
      expect(await page.locator('html').getAttribute('lang')).toBe('en');
      expect(
        await page.locator('button:not([aria-label]):empty, input:not([id]):not(label input)').count(),
      ).toBe(0);
      expect(await page.evaluate<string[]>(TEXTS_TOO_FAINT)).toEqual([]);
      const background = await page.evaluate<string>(
        'getComputedStyle(document.documentElement).backgroundColor',
      );
      expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(16, 23, 29)');
      await page.close();
    },
  );
});

describe('what the page asks for', () => {
  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${service.url}${path}`, { method, headers }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      sent.on('error', reject).end();
    });

  it('is refused to other sites, and under another name for this address', async () => {
    expect(await ask('/playground/users', {})).toBe(200);
    expect(await ask('/playground/users', { 'sec-fetch-site': 'same-origin' })).toBe(200);
    for (const site of ['cross-site', 'same-site']) {
      expect(await ask('/playground/users', { 'sec-fetch-site': site })).toBe(403);
    }
    for (const host of ['rebound.example.com', 'localhost.example.com', '127.0.0.1.example.com:3000']) {
      expect(await ask('/playground/users', { host })).toBe(403);
    }
  });

  it('has a policy that lets it load its own files only', async () => {
    const page = await service.call('/');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(page.text).not.toMatch(/https?:\/\//);
  });

  it.each<[string, object | undefined, number]>([
    ['/playground/sessions', { user_id: 'user_nobody' }, 404],
    ['/playground/sessions', { user_id: 7 }, 400],
    ['/playground/sessions', {}, 400],
    ['/playground/sessions/sess_nothing/token', {}, 404],
    ['/playground/sessions/nonsense/token', {}, 400],
    ['/playground/webhooks/failing', { user_id: 'user_nobody' }, 404],
    ['/playground/webhooks/msg_nothing/replay', {}, 404],
  ])('is refused where it makes no sense: %s %j', async (path, body, status) => {
    expect((await service.call(path, { method: 'POST', body })).status).toBe(status);
  });

  it('breaks one webhook alone: others of its user are applied', async () => {
    const { body: failing } = await service.call('/playground/webhooks/failing', {
      body: { user_id: enterprise.id },
    });
    service.clerk.users.update(enterprise.id, { unsafe_metadata: { other: true } });
    const other = service.clerk.webhooks.messages()[0]?.id;
    const statuses = async () => {
      const { body } = await service.call('/playground/webhooks');
      return [failing.id, other].map(
        (id) => body.find((webhook: { id: string }) => webhook.id === id)?.inbox,
      );
    };
    await until(statuses, ([first, second]) => first?.status === 'dead' && second?.attempts === 1);
    expect(await statuses()).toMatchObject([{ attempts: 10 }, { status: 'applied', last_error: null }]);
  });

  it('gives no token for a session that has ended', async () => {
    const { body } = await service.call('/playground/sessions', { body: { user_id: free.id } });
    const path = `/playground/sessions/${body.session_id}`;
    expect((await service.call(`${path}/token`, { method: 'POST' })).status).toBe(200);
    expect((await service.call(path, { method: 'DELETE' })).status).toBe(204);
    expect((await service.call(`${path}/token`, { method: 'POST' })).status).toBe(404);
  });

  it('is not limited: the page looks every second', async () => {
    const answer = await service.call('/playground/webhooks');
    expect(answer.headers.get('ratelimit')).toBeNull();
  });
});

describe('in production', () => {
  let other: TestService;

  beforeAll(async () => {
    other = await startTestService({ isProduction: true });
  });

  afterAll(() => other.stop());

  it.each(['/', '/index.html', '/playground/users', '/playground/webhooks'])(
    'there is no %s',
    async (path) => {
      expect((await other.call(path)).status).toBe(404);
    },
  );
});
