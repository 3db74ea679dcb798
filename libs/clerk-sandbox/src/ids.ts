import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 27;
/** KSUID counts seconds from here. https://github.com/segmentio/ksuid */
const KSUID_EPOCH_SECONDS = 1_400_000_000;

/** An id as Clerk writes them: a prefix and a KSUID, so that ids of one kind sort by creation. */
export function createId(prefix: string, nowMs: number): string {
  const bytes = Buffer.concat([Buffer.alloc(4), randomBytes(16)]);
  bytes.writeUInt32BE(Math.max(0, Math.floor(nowMs / 1000) - KSUID_EPOCH_SECONDS));
  return `${prefix}_${toBase62(BigInt(`0x${bytes.toString('hex')}`))}`;
}

function toBase62(value: bigint): string {
  let rest = value;
  let digits = '';
  while (digits.length < LENGTH) {
    digits = ALPHABET.charAt(Number(rest % 62n)) + digits;
    rest /= 62n;
  }
  return digits;
}
