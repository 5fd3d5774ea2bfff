/** `error.code` of an error of Node or a driver (`ENOENT`, `23505`); errors of Node's core are not always `instanceof Error`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
