/**
 * How often each name has been answered, for `round-robin`: counted for each host and type, so that a client's A and AAAA keep step.
 * Bounded: hosts are those of the configuration, types those that are steered.
 */
export interface Turns {
  /** The turn of this answer; the next is one further. */
  take(host: string, type: number): number;
  /** The turn that comes next. */
  peek(host: string, type: number): number;
}

export function createTurns(): Turns {
  const taken = new Map<string, number>();
  const peek = (host: string, type: number) => taken.get(`${host} ${type}`) ?? 0;
  return {
    peek,
    take(host, type) {
      const turn = peek(host, type);
      taken.set(`${host} ${type}`, (turn + 1) % Number.MAX_SAFE_INTEGER);
      return turn;
    },
  };
}
