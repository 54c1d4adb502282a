/**
 * A first-in first-out queue with a limit on count and on bytes. Whoever adds learns at once whether there was
 * room; nothing is dropped in silence.
 */
export interface BoundedQueue<T> {
  /** Adds the item, or returns false (and calls `onFull`) when it would exceed a limit. */
  push(item: T, bytes?: number): boolean;
  shift(): T | undefined;
  readonly length: number;
  readonly bytes: number;
}

export interface QueueLimits {
  maxItems: number;
  maxBytes?: number;
  /** Called once for each item that was refused: the place for a counter. */
  onFull?: () => void;
}

/** Creates an empty queue. */
export function createBoundedQueue<T>(limits: QueueLimits): BoundedQueue<T> {
  const maxBytes = limits.maxBytes ?? Number.POSITIVE_INFINITY;
  let items: { item: T; bytes: number }[] = [];
  // Items before `head` are gone already; the array is cut when half of it is (amortised O(1)).
  let head = 0;
  let totalBytes = 0;
  return {
    push(item, bytes = 0) {
      if (items.length - head >= limits.maxItems || totalBytes + bytes > maxBytes) {
        limits.onFull?.();
        return false;
      }
      items.push({ item, bytes });
      totalBytes += bytes;
      return true;
    },
    shift() {
      const entry = items[head];
      if (!entry) return undefined;
      head += 1;
      totalBytes -= entry.bytes;
      if (head > 64 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return entry.item;
    },
    get length() {
      return items.length - head;
    },
    get bytes() {
      return totalBytes;
    },
  };
}
