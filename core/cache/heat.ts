/**
 * How often each URL has been asked for lately: an approximate count, kept beside the tiers because it has to outlive the
 * responses that a purge kills. It costs a request one map lookup.
 *
 * Invariant: at most `maxKeys` URLs. When one more comes, or after so many requests that old fame should fade, every count is
 * halved and those at nothing leave; so what is hot stays, and a scan over many URLs pushes out only itself.
 */
export interface Heat {
  /** The URL was asked for. */
  note(key: string): void;
  of(key: string): number;
  readonly size: number;
}

export interface HeatOptions {
  /** Default 20,000. */
  maxKeys?: number;
  /** All counts were halved because there were too many URLs. */
  onFull?: () => void;
}

/** Requests for each of `maxKeys` after which counts are halved. */
const notesPerKey = 10;

/** Creates an empty count. */
export function createHeat({ maxKeys = 20_000, onFull }: HeatOptions = {}): Heat {
  // Boxes, so that a known URL is looked up once and not again to be written.
  const counts = new Map<string, { count: number }>();
  let notes = 0;
  const halve = () => {
    notes = 0;
    for (const [key, box] of counts) {
      box.count >>= 1;
      if (box.count === 0) counts.delete(key);
    }
  };
  return {
    note(key) {
      const box = counts.get(key);
      if (box) box.count += 1;
      else {
        if (counts.size >= maxKeys) {
          halve();
          onFull?.();
        }
        // Where all are hot even halved, a newcomer has to come again.
        if (counts.size < maxKeys) counts.set(key, { count: 1 });
      }
      notes += 1;
      if (notes >= notesPerKey * maxKeys) halve();
    },
    of: (key) => counts.get(key)?.count ?? 0,
    get size() {
      return counts.size;
    },
  };
}
