import type { Quota } from '../mailbox/model/protocol.js';
import type { QuotaReport } from './imap.flow.js';

/** STORAGE comes in octets (imapflow multiplies by 1024), all others in their own units (RFC 9208 section 5). */
export function toQuotas(report: QuotaReport): readonly Quota[] {
  return Object.entries(report).flatMap(([resource, value]) => {
    if (typeof value !== 'object' || value.usage === undefined || value.limit === undefined) return [];
    return [{ resource: resource.toUpperCase(), used: value.usage, limit: value.limit }];
  });
}
