/**
 * Retries as a share of requests: each request pays in a tenth of a retry, up to a small reserve, and each retry takes a
 * whole one. While all is well there is always one at hand; when everything fails, retries add at most a tenth to
 * the load of a peer that is already in trouble, instead of doubling it.
 */
export interface RetryBudget {
  /** A request begins. */
  deposit(): void;
  /** Whether a retry may be made; takes it when so. */
  take(): boolean;
}

export interface RetryBudgetOptions {
  /** Retries for each request; 0.1 is a tenth. */
  share: number;
  /** The most that can be saved up, and the start; in retries. */
  reserve: number;
}

export const defaultRetryBudget: RetryBudgetOptions = { share: 0.1, reserve: 10 };

/** Creates a budget with a full reserve. */
export function createRetryBudget({
  share,
  reserve,
}: RetryBudgetOptions = defaultRetryBudget): RetryBudget {
  let available = reserve;
  return {
    deposit() {
      available = Math.min(reserve, available + share);
    },
    take() {
      // Ten tenths are a little less than one in binary fractions.
      if (available < 1 - 1e-9) return false;
      available -= 1;
      return true;
    },
  };
}
