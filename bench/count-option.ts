/** @throws TypeError unless the value of an option is a whole number above 0 */
export function countOption(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new TypeError(`--${name} must be a whole number above 0.`);
}
