import { MAX_WARNINGS } from './mime.limits.js';

/** What had to be guessed, repaired or cut: each thing once, and not more than a person would read. */
export class Warnings {
  private texts: Set<string> | undefined;

  add(text: string): void {
    this.texts ??= new Set();
    if (this.texts.size < MAX_WARNINGS) this.texts.add(text);
  }

  list(): string[] {
    return this.texts ? [...this.texts] : [];
  }
}
