/** Whether every combination runs, rather than a selection: `npm run test:full`. */
export const isFull = process.env["FULL_TESTS"] !== undefined;

/** Of the combinations of two lists, all of them, or those in which each element of both occurs. */
export function combined<A, B>(first: readonly A[], second: readonly B[]): [A, B][] {
  const all = first.flatMap((a, i) =>
    second.map((b, j) => ({ pair: [a, b] as [A, B], isChosen: (i - j) % second.length === 0 })),
  );
  return all.filter(({ isChosen }) => isFull || isChosen).map(({ pair }) => pair);
}
