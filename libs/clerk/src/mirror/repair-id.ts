/** What the ids of repairs begin with: deliveries that say what Clerk said when it was asked. Svix's begin with `msg_`. */
export const REPAIR_ID_START = 'sync_';
