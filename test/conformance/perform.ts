/** Plays the cases of all stages side by side, so many at once: each case has URLs of its own, and most of them wait for nothing. */
import type { Case } from './case.ts';
import { type CaseResult, play } from './play.ts';
import type { StageOfCases } from './stages.ts';

const atOnce = 48;

/** The results in the order in which they come. */
export async function perform(
  stages: readonly StageOfCases[],
  onResult: (result: CaseResult, theCase: Case) => void = () => {},
): Promise<CaseResult[]> {
  const turns = stages.flatMap((stage) => stage.cases.map((theCase) => ({ stage, theCase })));
  // Those that wait come first, so that the others run in their shade.
  turns.sort((a, b) => pausesOf(b.theCase) - pausesOf(a.theCase));
  const results: CaseResult[] = [];
  const worker = async () => {
    for (let turn = turns.shift(); turn; turn = turns.shift()) {
      const result = await play(turn.stage, turn.theCase);
      results.push(result);
      onResult(result, turn.theCase);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

function pausesOf({ requests }: Case): number {
  return requests.reduce((sum, { pauseMs = 0 }) => sum + pauseMs, 0);
}
