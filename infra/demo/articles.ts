/** The news of the demo site: what its purges by tag are about. */

export interface Article {
  /** Its path is `/news/ID`, its tag `article-ID`. */
  id: number;
  title: string;
  text: string;
  publishedMs: number;
}

export const articles: readonly Article[] = [
  {
    id: 1,
    title: 'Breakwater holds in the autumn storm',
    text: 'Waves of six metres broke on the outer wall last night. In the harbour, the fishing boats hardly moved.',
    publishedMs: Date.UTC(2026, 9, 28, 6, 30),
  },
  {
    id: 2,
    title: 'New light for the western pier',
    text: 'The lamp of 1931 retires. Its successor is seen from eighteen miles and needs a tenth of the power.',
    publishedMs: Date.UTC(2026, 9, 30, 9, 0),
  },
  {
    id: 3,
    title: 'Ferry timetable for the winter',
    text: 'From Monday the last boat leaves at 19:40. On Sundays there is an extra one after the market.',
    publishedMs: Date.UTC(2026, 10, 2, 12, 15),
  },
  {
    id: 4,
    title: 'Harbour master counts the seals again',
    text: 'Forty-one, three more than in spring. One of them has moved into the dry dock and will not be persuaded.',
    publishedMs: Date.UTC(2026, 10, 4, 15, 45),
  },
];
