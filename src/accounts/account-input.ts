import { z } from 'zod';
import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { CREDENTIALS } from './credentials-input.js';
import { hostName, line } from './input-text.js';

const wholeNumber = (min: number, max: number) =>
  z.int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`);

const name = line(200);
const emailAddress = line(320).regex(/^[^\s@<>]+@[^\s@<>]+$/, 'must be an email address');

const SERVER = {
  host: hostName,
  port: wholeNumber(1, 65_535),
  security: z.enum(['TLS', 'STARTTLS', 'NONE']),
  username: line(512),
  credentials: CREDENTIALS,
};
const mailboxes = z.array(line(1000)).min(1, 'must name at least one').max(1000, 'must name at most 1000');
const POLICY = {
  afterDownload: z.enum(['DELETE', 'KEEP', 'DELETE_AFTER_DAYS']),
  deleteAfterDays: wholeNumber(1, 3650),
  deleteWhenExpunged: z.boolean(),
  pollIntervalSeconds: wholeNumber(1, 86_400),
  maxMessageBytes: wholeNumber(1024, 2 ** 31 - 1),
};

/** What GraphQL leaves null is absent. */
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);

const ADD = z
  .strictObject({
    name: optional(name),
    emailAddress: optional(emailAddress),
    imap: optional(z.strictObject({ ...SERVER, port: optional(SERVER.port), mailboxes: optional(mailboxes) })),
    pop3: optional(
      z.strictObject({
        ...SERVER,
        ...POLICY,
        port: optional(SERVER.port),
        deleteAfterDays: optional(POLICY.deleteAfterDays),
        maxMessageBytes: optional(POLICY.maxMessageBytes),
      }),
    ),
    verify: z.boolean(),
  })
  .refine(({ imap, pop3 }) => !imap !== !pop3, 'give exactly one of imap and pop3');

const SERVER_PATCH = {
  host: optional(SERVER.host),
  port: optional(SERVER.port),
  security: optional(SERVER.security),
  username: optional(SERVER.username),
  credentials: optional(SERVER.credentials),
};

const UPDATE = z
  .strictObject({
    accountId: z.custom<AccountId>((id) => typeof id === 'string'),
    name: optional(name),
    // null takes it away, as with the other settings that may be absent.
    emailAddress: emailAddress.nullish(),
    imap: optional(z.strictObject({ ...SERVER_PATCH, mailboxes: mailboxes.nullish() })),
    pop3: optional(
      z.strictObject({
        ...SERVER_PATCH,
        afterDownload: optional(POLICY.afterDownload),
        deleteAfterDays: POLICY.deleteAfterDays.nullish(),
        deleteWhenExpunged: optional(POLICY.deleteWhenExpunged),
        pollIntervalSeconds: optional(POLICY.pollIntervalSeconds),
        maxMessageBytes: POLICY.maxMessageBytes.nullish(),
      }),
    ),
    verify: z.boolean(),
  })
  .refine(({ imap, pop3 }) => !imap || !pop3, 'give at most one of imap and pop3');

/** `AddAccountInput` of the contract; its defaults are filled in by the schema. */
export type AddAccountInput = z.input<typeof ADD>;
export type UpdateAccountInput = z.input<typeof UPDATE>;

export type NewAccount = z.output<typeof ADD>;
export type AccountPatch = z.output<typeof UPDATE>;
export type ImapPatch = NonNullable<AccountPatch['imap']>;
export type Pop3Patch = NonNullable<AccountPatch['pop3']>;

/** @throws MailError INVALID_INPUT with the path of the first thing that is wrong, e.g. `['input', 'imap', 'host']` */
export const parseNewAccount = (input: AddAccountInput): NewAccount => parse(ADD, input);

/** @throws MailError INVALID_INPUT */
export const parseAccountPatch = (input: UpdateAccountInput): AccountPatch => parse(UPDATE, input);

function parse<T extends z.ZodType>(schema: T, input: z.input<T>): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String) ?? [];
  throw invalidInput(['input', ...path], [path.at(-1), issue?.message].filter(Boolean).join(' '));
}
