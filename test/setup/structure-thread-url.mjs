/** Threads are started from the compiled gateway (`script/build`). */
export const STRUCTURE_THREAD = new URL('../../dist/mime/worker/structure-thread.js', import.meta.url);
