import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { uuidV7 } from '../common/uuid.js';
import { invalidInput, MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';
import { hashKey, newKeySecret, shownPrefix, type ApiKey } from './api-key.js';
import { ApiKeyCache } from './api-key.cache.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { maySee, requireScope, SCOPES, type Principal, type Scope } from './principal.js';

export interface CreateApiKeyInput {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly accountIds?: readonly AccountId[];
  readonly expiresAt?: Date;
}

const NAME = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}*$/u);

/** Keys of this gateway's API. All of it needs scope ADMIN. */
@Injectable()
export class ApiKeyService {
  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly cache: ApiKeyCache,
  ) {}

  /** Newest first. */
  async list(ctx: Principal): Promise<readonly ApiKey[]> {
    requireScope(ctx, 'ADMIN');
    return (await this.repository.findAll()).filter((key) => isWithin(ctx, key));
  }

  /** @returns the key, and the one time that its secret is seen */
  async create(ctx: Principal, input: CreateApiKeyInput): Promise<{ key: ApiKey; secret: string }> {
    requireScope(ctx, 'ADMIN');
    const now = new Date();
    const name = NAME.safeParse(input.name).data;
    if (name === undefined) throw invalidInput(['input', 'name'], 'name must be one line of 1 to 200 characters');
    const { accountIds, expiresAt } = input;
    if (expiresAt && expiresAt <= now) throw invalidInput(['input', 'expiresAt'], 'expiresAt must be in the future');
    const secret = newKeySecret();
    const key: ApiKey = {
      id: uuidV7() as ApiKeyId,
      name,
      prefix: shownPrefix(secret),
      scopes: checkedScopes(input.scopes),
      accountIds: accountIds && [...new Set(accountIds)],
      createdAt: now,
      expiresAt,
    };
    requireNoMoreRights(ctx, key);
    await this.requireAccounts(key);
    await this.repository.insert(key, hashKey(secret));
    return { key, secret };
  }

  /** Works at once here, within seconds on other instances. @throws MailError NOT_FOUND */
  async revoke(ctx: Principal, id: ApiKeyId): Promise<void> {
    requireScope(ctx, 'ADMIN');
    const key = await this.repository.findById(id);
    if (!key || !isWithin(ctx, key)) throw notFound('API key');
    if (!(await this.repository.delete(id))) throw notFound('API key');
    this.cache.drop(id);
  }

  private async requireAccounts({ accountIds }: ApiKey): Promise<void> {
    if (!accountIds) return;
    const field = ['input', 'accountIds'];
    if (accountIds.length === 0) throw invalidInput(field, 'accountIds must name an account; leave it out for all');
    if ((await this.repository.countAccounts(accountIds)) === accountIds.length) return;
    throw new MailError('NOT_FOUND', 'no such account', { field });
  }
}

function checkedScopes(scopes: readonly Scope[]): readonly Scope[] {
  const known = SCOPES.filter((scope) => scopes.includes(scope));
  if (known.length === 0) throw invalidInput(['input', 'scopes'], 'scopes must name at least one');
  return known;
}

/** A key that is itself kept to some accounts, or to a time, gives no more than it has. @throws MailError FORBIDDEN */
function requireNoMoreRights(ctx: Principal, key: ApiKey): void {
  const outlives = ctx.expiresAt !== undefined && (key.expiresAt === undefined || key.expiresAt > ctx.expiresAt);
  if (isWithin(ctx, key) && !outlives) return;
  throw new MailError('FORBIDDEN', 'a key cannot be given more accounts, or a longer life, than the one that makes it');
}

/** Whether a key reaches no further than the caller does. */
const isWithin = (ctx: Principal, { accountIds }: ApiKey): boolean =>
  ctx.accountIds === undefined || (accountIds?.every((id) => maySee(ctx, id)) ?? false);
