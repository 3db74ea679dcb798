/** `ResolvedOptions`. */
export const OPTIONS = Symbol('nest-rate-tiers.options');
