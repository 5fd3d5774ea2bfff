import type { KeyObject } from 'node:crypto';

/** Postgres given by the operator, or one of our own under DATA_DIR. */
type DatabaseConfig = { readonly kind: 'external'; readonly url: string } | { readonly kind: 'embedded' };

/** 32 bytes that never leave their `KeyObject`, so that neither a log line nor a JSON dump can carry them. */
export interface MasterKey {
  /** Stored beside everything the key has wrapped; says nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
}

export interface SecretsConfig {
  readonly masterKey: MasterKey;
  /** Still readable while a rotation is under way. */
  readonly previousMasterKey?: MasterKey;
  /** SHA-256, hex: enough to recognise the key, useless for showing it. */
  readonly adminKeyHash: string;
  /** Where the admin key was written when nobody gave one. */
  readonly adminKeyFile?: string;
}

/** Hosts that may be dialled besides public ones. */
export interface HostAllowList {
  /** CIDR notation, IPv4 and IPv6. */
  readonly networks: readonly string[];
  /** Lower case, without a trailing dot; whatever they resolve to is allowed. */
  readonly hosts: readonly string[];
}

export interface MailPolicyConfig {
  readonly hostAllow: HostAllowList;
  readonly portAllow: readonly number[] | 'any';
  readonly allowPlaintext: boolean;
  /** PEM, in addition to the system's authorities. */
  readonly extraCa?: string;
}

/** To mail servers, on this instance. */
export interface ConnectionLimitsConfig {
  readonly connections: number;
  readonly connectionsPerHost: number;
  /** Under way at once. */
  readonly signIns: number;
  readonly signInsPerHost: number;
}

/** `Limits` of the public contract. */
export interface LimitsConfig {
  readonly maxPageSize: number;
  readonly maxBulkIds: number;
  readonly maxQueryDepth: number;
  readonly maxQueryCost: number;
  readonly maxAliases: number;
  readonly maxImportBytes: number;
  /** Of one text or HTML body handed out; longer ones are cut and marked. */
  readonly maxBodyBytes: number;
  readonly changeRetentionHours: number;
  readonly downloadUrlTtlSeconds: number;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Everything an operator can decide, read once at start and frozen. */
export interface Config {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly database: DatabaseConfig;
  readonly secrets: SecretsConfig;
  readonly mail: MailPolicyConfig;
  readonly connections: ConnectionLimitsConfig;
  /** Base of signed URLs, without a trailing slash; taken from the request when absent. */
  readonly publicUrl?: string;
  readonly logLevel: LogLevel;
  readonly limits: LimitsConfig;
}

export const CONFIG = Symbol('CONFIG');
