/**
 * Group commit: items that arrive in one turn of the event loop, or while a commit is under way, are committed
 * together, in the order of their arrival. One sync of the device then serves them all.
 */
export interface GroupCommit<Item, Result> {
  /** Resolves when the item is committed; rejects when its group failed, or when too many wait. */
  add(item: Item): Promise<Result>;
  /** Resolves when nothing waits any more. */
  settle(): Promise<void>;
}

/** Items in one commit. */
const maxGroup = 1000;
/** Items that may wait; more are refused. */
const maxWaiting = 20_000;

interface Waiting<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** `commit` returns one result for each item, in their order, or throws: then none is committed. */
export function createGroupCommit<Item, Result>(
  commit: (items: readonly Item[]) => Result[],
): GroupCommit<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let flush: Promise<void> | undefined;
  const commitGroup = (group: readonly Waiting<Item, Result>[]) => {
    try {
      const results = commit(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => {
        resolve(results[index] as Result);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };
  const flushAll = () => {
    flush = undefined;
    while (waiting.length > 0) {
      const group = waiting.slice(0, maxGroup);
      waiting = waiting.slice(maxGroup);
      commitGroup(group);
    }
  };
  return {
    add(item) {
      if (waiting.length >= maxWaiting) {
        return Promise.reject(new Error(`${maxWaiting} appends wait already`));
      }
      flush ??= new Promise((done) => {
        // Not a timer: the next turn of the event loop, when all requests that have arrived have been read.
        setImmediate(() => {
          flushAll();
          done();
        });
      });
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
      });
    },
    async settle() {
      while (flush) await flush;
    },
  };
}
