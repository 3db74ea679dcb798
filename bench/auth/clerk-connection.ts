/** What a server is told about its Clerk. */
export interface ClerkConnection {
  readonly secretKey: string;
  readonly publishableKey: string;
  readonly webhookSecret: string;
  readonly apiUrl: string;
  readonly issuer: string;
  /** PEM. */
  readonly jwtKey: string;
  /** Whom the unguarded servers answer with, so that all answers are of one size. */
  readonly userId: string;
}
