import type { OperationContext } from '../operation-context.js';

/** What a subscription's resolver yields: the field's value, and the context that it was read in and is shown with. */
export interface SourceEvent {
  readonly root: Readonly<Record<string, unknown>>;
  readonly context: OperationContext;
}
