/**
 * When `up` has to stop, and when to reload: from the operating system's signals and from the parent's IPC channel.
 */
import { isatty } from 'node:tty';

export interface Signals {
  /** Resolves, once, with the reason in words. */
  stopRequested(): Promise<string>;
  /** Calls `run` at each request to reload; returns what ends that. */
  onReload(run: () => void): () => void;
}

/** The signals of this process. */
export function processSignals(): Signals {
  const hadTerminal = isatty(1) || isatty(2);
  const stopRequested = new Promise<string>((resolve) => {
    process.on('SIGINT', () => resolve('Ctrl-C'));
    process.on('SIGTERM', () => resolve('SIGTERM'));
    // A parent (the bootstrap, a test) holds a channel, and dies without further notice.
    if (process.connected !== undefined) {
      process.on('disconnect', () => resolve('the parent process is gone'));
      if (!process.connected) resolve('the parent process is gone');
      // The listener alone must not keep this process alive.
      process.channel?.unref();
    }
    // A terminal that was closed sends SIGHUP as well; then nobody is left to press Ctrl-C.
    process.on('SIGHUP', () => {
      if (hadTerminal && !isatty(1) && !isatty(2)) resolve('the terminal was closed');
    });
  });
  return {
    stopRequested: () => stopRequested,
    onReload(run) {
      const onHangUp = () => {
        if (!hadTerminal || isatty(1) || isatty(2)) run();
      };
      process.on('SIGHUP', onHangUp);
      return () => void process.off('SIGHUP', onHangUp);
    },
  };
}
