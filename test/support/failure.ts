/** What an operation failed with; throws if it did not fail. */
export async function failureOf<Failure extends Error>(operation: Promise<unknown>): Promise<Failure> {
  return operation.then(
    () => Promise.reject(new Error("It did not fail.")),
    (error: unknown) => error as Failure,
  );
}
