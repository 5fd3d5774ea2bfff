/** What runs in the thread, as compiled. */
export const STRUCTURE_THREAD = new URL('./structure-thread.js', import.meta.url);
