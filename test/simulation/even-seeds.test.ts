/**
 * The purge protocol in simulated networks: histories in which machines are cut off, stopped, killed, suspended and robbed of what
 * they had not synced. Half of the seeds; `npm run soak` plays many more.
 */
import { testHistories } from './histories.ts';

testHistories((seed) => seed % 2 === 0);
