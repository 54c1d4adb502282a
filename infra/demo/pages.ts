/** The HTML of the demo site. `html` of Hono escapes what is put in. */
import { html, raw } from 'hono/html';
import type { Article } from './articles.ts';
import type { Exhibit } from './exhibits.ts';

/** The index: every exhibit, what it shows, and a button that fetches it and says how the answer came about. */
export function indexPage(exhibits: readonly Exhibit[]): string {
  const groups = [...new Set(exhibits.map((exhibit) => exhibit.group))];
  return layout(
    'A small site behind Breakwater',
    html`<p>Each page below is cached in its own way. Press “fetch” once, then again, and see who answered: the edge that
you are talking to, its shield, or the origin. <code>X-Origin-Request</code> counts the requests that reached the origin; as
long as it stays the same, the origin was not asked.</p>
${groups.map(
  (group) => html`<h2>${group}</h2>
<ul class="exhibits">
${exhibits.filter((exhibit) => exhibit.group === group).map(row)}</ul>
`,
)}<script src="/app.js" defer></script>`,
  );
}

function row({ path, title, shows }: Exhibit) {
  return html`<li><a href="${path}">${title}</a><span>${shows}</span><button data-path="${path}">fetch</button><output></output></li>
`;
}

export function newsPage(articles: readonly Article[]): string {
  return layout(
    'Harbour news',
    html`<ul>
${articles.map(
  (article) => html`<li><a href="/news/${article.id}">${article.title}</a></li>
`,
)}</ul>
<p>This page has the tag <code>news</code>, and so has each article. A purge of that tag renews them all.</p>`,
  );
}

export function articlePage(article: Article): string {
  const date = new Date(article.publishedMs).toISOString().slice(0, 10);
  return layout(
    article.title,
    html`<article><p>${article.text}</p>
<p><time datetime="${date}">${date}</time> · tags <code>news</code> and <code>article-${article.id}</code></p></article>`,
  );
}

/** A page of one paragraph; `text` may hold mark-up of ours, never a visitor's words. */
export function plainPage(title: string, text: string, language = 'en'): string {
  return layout(title, html`<p>${raw(text)}</p>`, language);
}

/** The words of a visitor are escaped by `html`. */
export function notFoundPage(path: string): string {
  return layout('Not here', html`<p>This site has no page <code>${path}</code>.</p>`);
}

function layout(title: string, content: ReturnType<typeof html>, language = 'en'): string {
  return String(html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="/images/lighthouse.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><div><a href="/"><img src="/images/lighthouse.svg" alt="Home" width="64" height="64"></a>
<div><h1>${title}</h1><p>The Harbour Post, the demo site of Breakwater</p></div></div></header>
<main>
${content}
</main>
<footer><a href="/">All pages</a></footer>
</body>
</html>
`);
}
