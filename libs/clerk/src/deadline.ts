/** The answer of a call, or the error that `late` makes once it has taken longer than `msMax`. The call itself goes on. */
export async function withDeadline<T>(call: Promise<T>, msMax: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), msMax);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
