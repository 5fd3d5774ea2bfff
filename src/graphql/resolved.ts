/** A plain value, or a method that graphql-js calls with arguments and `OperationContext` when the field is asked for. */
type Field<T> = T | ((args: never, context: never) => T | Promise<T>);

/**
 * What stands for a type of the contract: every field of it, with its nullability, each as a value or as a method. Methods of the
 * object itself are called by graphql-js directly; one decorated resolver method costs about 40 µs more for each call, which a
 * page of 50 messages pays 50 times.
 */
export type Resolved<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Resolved<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Field<Resolved<T[K]>> }
      : T;
