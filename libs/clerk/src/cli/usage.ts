export const USAGE = `nest-clerk COMMAND [options]

  sync                    brings every user, organisation and membership of Clerk into the database; cut off, users go on where
                          they were
      --accept-instance ID   though the database was filled from another Clerk instance
  reconcile               finds what lost webhooks have left behind and puts them into the inbox
      --recent               only users who changed since the last reconcile, in place of all; no deleted ones
      --dry-run              only looks
      --deletions-max N      deletes up to N of each kind, in place of 5 % and 1,000
      --wait SECONDS         waits for the service to apply what was put into the inbox (default 10)
  events list             the newest webhooks in the inbox
      --status S --type T --limit N   (default 20)
  events dead             those that were given up
  events show ID          one of them; --payload: with its body, which holds a person's data
  events replay ID…       has them applied again; --dead: every one that was given up
  webhook send [TYPE]     signs a webhook with the first of CLERK_WEBHOOK_SECRET and posts it
      --id ID                a sample of a user, organisation or session with that id, and
      --data JSON            what it holds, or holds instead; @FILE: from a file; or
      --body FILE            the whole body, - for standard input
      --url URL              (default http://127.0.0.1:$PORT/webhooks/clerk, port 3000)
      --delivery-id ID       its svix-id (default a new one)

  --name NAME   the registration, where there are several: its variables have the name in them
  --json        one JSON document on standard output, and nothing else
  --help        this text

Reads CLERK_SECRET_KEY, CLERK_API_URL, CLERK_WEBHOOK_SECRET and DATABASE_URL.
Exit code: 0 done, 1 failed or refused, 2 wrong usage. Progress goes to standard error.
`;
