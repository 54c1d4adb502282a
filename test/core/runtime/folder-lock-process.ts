/** Locks the folder of its argument, says so, and holds it until it is killed. */
import { lockFolder } from '../../../core/runtime/folder-lock.ts';

try {
  lockFolder(process.argv[2] ?? '');
  process.stdout.write('locked\n');
  setInterval(() => {}, 1000);
} catch (error) {
  process.stdout.write(`${(error as Error).constructor.name}: ${(error as Error).message}\n`);
}
