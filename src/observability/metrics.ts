import { collectDefaultMetrics, Registry } from 'prom-client';

/** What `/metrics` shows. Whoever counts something registers it here. */
export const METRICS = Symbol('METRICS');

/** Starts with what Node tells of its own process. One registry for each application, so that tests do not share one. */
export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
