import { tokenSubject } from './token-subject.js';

const token = (payload: string) => `header.${Buffer.from(payload).toString('base64url')}.signature`;

describe('the user of a token', () => {
  it.each<[string, string, string | null]>([
    ['its subject', token('{"sub":"user_1"}'), 'user_1'],
    [
      'its subject, beside characters that base64 writes as - and _',
      token('{"n":"ÿþ?>","sub":"user_1"}'),
      'user_1',
    ],
    ['nobody, without a subject', token('{}'), null],
    ['nobody, with another kind of subject', token('{"sub":1}'), null],
    ['nobody, in no JSON', token('sub'), null],
    ['nobody, in no base64', 'a.*.c', null],
    ['nobody, in one part', 'a', null],
  ])('is %s', (_name, text, subject) => {
    expect(tokenSubject(text)).toBe(subject);
  });
});
