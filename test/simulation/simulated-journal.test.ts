/** The journal of the simulation keeps the contract of every journal. */
import { testJournal } from '../contract/journal.contract.ts';
import { createFakeClock, createSeededRandom } from '../support/fake-clock.ts';
import { createJournalDisk, openSimulatedJournal } from './simulated-journal.ts';

testJournal('a simulated disk', {
  async open(limits) {
    const clock = createFakeClock();
    const random = createSeededRandom(1);
    const disk = createJournalDisk(random.hex(16));
    const again = async () =>
      openSimulatedJournal({ clock, random, syncMs: () => 0 }, disk, limits);
    return { journal: await again(), clock, again };
  },
  cleanUp: () => Promise.resolve(),
});
