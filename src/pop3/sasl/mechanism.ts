/** One sign-in by SASL (RFC 5034). Made for one attempt. */
export interface SaslMechanism {
  readonly name: string;
  /** What the client says first. Sent with AUTH where the line has room, else in answer to the first, empty challenge. */
  readonly initial?: Buffer;
  /** Some servers take the initial response only after a challenge of their own. */
  readonly initialApart?: boolean;
  /** The answer to the `index`th challenge after the initial response, from 0; undefined: give up. */
  answer(index: number): Buffer | undefined;
}
