/**
 * Every code that this library throws. Stable: part of the public API; message texts are not.
 * - `TIERS_INVALID`, `OPTIONS_INVALID`: the module is set up wrongly. Thrown at boot, never during a request.
 * - `COST_INVALID`, `PRINCIPAL_INVALID`: the program asks for what is no number of units, or for nobody.
 */
export type RateLimitErrorCode = 'TIERS_INVALID' | 'OPTIONS_INVALID' | 'COST_INVALID' | 'PRINCIPAL_INVALID';

/** The one error class of this library. Branch on `code`. The message never holds a principal. */
export class RateLimitError extends Error {
  override readonly name = 'RateLimitError';

  constructor(
    readonly code: RateLimitErrorCode,
    message: string,
  ) {
    super(message);
  }
}
