/**
 * The demo site as a table: each row is a page, what it is there to show, and its reply. The index page, the routes and
 * their test are all made from it, so that none of them can forget one.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Clock } from '../../core/runtime/deps.ts';
import { articles } from './articles.ts';
import { bigFileBytes, bigFileEtag, readBigFile } from './big-file.ts';
import { articlePage, indexPage, newsPage, plainPage } from './pages.ts';
import { drawSea } from './pictures.ts';
import type { Asked, Reply } from './reply.ts';

export interface Exhibit {
  path: string;
  group: 'Pages' | 'Made for one visitor' | 'Fresh and stale' | 'Files' | 'Other answers';
  title: string;
  /** What to look for, in a sentence. */
  shows: string;
  reply(asked: Asked): Reply | Promise<Reply>;
}

const markup = 'text/html; charset=utf-8';
const json = 'application/json';
/** The site was last changed then; the same at every start, so that validators survive one. */
const builtMs = Date.UTC(2026, 10, 1, 8, 0);
const slowMs = 200;

/** All pages, in the order of the index. */
export function createExhibits(clock: Clock): Exhibit[] {
  const exhibits = [...pages(), ...personal(), ...freshness(clock), ...files(), ...otherAnswers()];
  const index = indexPage(exhibits);
  return [
    {
      path: '/',
      group: 'Pages',
      title: 'This page',
      shows: 'Fresh for a minute, with an ETag',
      reply: () => ({
        type: markup,
        content: index,
        cacheControl: 'public, max-age=60',
        etag: 'content',
        tags: ['home'],
      }),
    },
    ...exhibits,
  ];
}

function pages(): Exhibit[] {
  return [
    {
      path: '/news/',
      group: 'Pages',
      title: 'News',
      shows:
        'Tagged “news” by Surrogate-Key: a purge of the tag renews this list and every article',
      reply: () => ({
        type: markup,
        content: newsPage(articles),
        cacheControl: 'public, max-age=600',
        etag: 'content',
        lastModifiedMs: Math.max(...articles.map((article) => article.publishedMs)),
        tags: ['news', 'news-list'],
      }),
    },
    ...articles.map(
      (article): Exhibit => ({
        path: `/news/${article.id}`,
        group: 'Pages',
        title: article.title,
        shows: `Tags “news” and “article-${article.id}”, ETag and Last-Modified`,
        reply: () => ({
          type: markup,
          content: articlePage(article),
          cacheControl: 'public, max-age=3600, stale-while-revalidate=60',
          etag: 'content',
          lastModifiedMs: article.publishedMs,
          tags: ['news', `article-${article.id}`],
        }),
      }),
    ),
    {
      path: '/greeting',
      group: 'Pages',
      title: 'A greeting in your language',
      shows: 'Vary: Accept-Language, one stored response for each language',
      reply: ({ headers }) => greeting(headers.get('accept-language') ?? ''),
    },
    {
      path: '/log-book',
      group: 'Pages',
      title: 'The harbour’s log book',
      shows: 'Vary: Accept-Encoding, stored as brotli, gzip and plain, as clients ask for them',
      reply: ({ headers }) => logBook(headers.get('accept-encoding') ?? ''),
    },
  ];
}

const greetings: Record<string, string> = {
  en: 'Welcome to the harbour.',
  fr: 'Bienvenue au port.',
  ja: '港へようこそ。',
  pt: 'Bem-vindo ao porto.',
};

function greeting(accepted: string): Reply {
  // The first language of the list that the site has; quality values are left to grown-up origins.
  const wanted = accepted.split(',').map((range) => range.trim().slice(0, 2).toLowerCase());
  const language = wanted.find((code) => Object.hasOwn(greetings, code)) ?? 'en';
  return {
    type: markup,
    content: plainPage('Greeting', greetings[language] ?? '', language),
    cacheControl: 'public, max-age=600',
    etag: 'content',
    fields: { vary: 'Accept-Language', 'content-language': language },
  };
}

const logText = Array.from({ length: 400 }, (_, day) => {
  const date = new Date(Date.UTC(2026, 0, 1) + day * 86_400e3).toISOString().slice(0, 10);
  return `${date}  wind ${(day * 7) % 12} Bft, tide ${((day * 13) % 40) / 10} m, ${(day * 31) % 57} vessels in\n`;
}).join('');
const logCodings = {
  br: new Uint8Array(brotliCompressSync(logText)),
  gzip: new Uint8Array(gzipSync(logText)),
};

function logBook(accepted: string): Reply {
  const coding = (['br', 'gzip'] as const).find((name) => accepted.includes(name));
  const common = {
    type: 'text/plain; charset=utf-8',
    cacheControl: 'public, max-age=600',
    etag: 'content',
    lastModifiedMs: builtMs,
  } as const;
  const vary = { vary: 'Accept-Encoding' };
  if (coding === undefined) return { ...common, content: logText, fields: vary };
  return {
    ...common,
    content: logCodings[coding],
    fields: { ...vary, 'content-encoding': coding },
  };
}

function personal(): Exhibit[] {
  return [
    {
      path: '/login',
      group: 'Made for one visitor',
      title: 'Signing in',
      shows:
        'Set-Cookie beside max-age=60: not stored all the same, unless the site’s setCookie says otherwise',
      reply: ({ requestNumber }) => ({
        type: markup,
        content: plainPage('Signed in', 'You have a cookie of your own now.'),
        cacheControl: 'public, max-age=60',
        fields: {
          'set-cookie': `session=visitor-${requestNumber}; Path=/; HttpOnly; SameSite=Lax`,
        },
      }),
    },
    {
      path: '/account',
      group: 'Made for one visitor',
      title: 'An account',
      shows: 'Cache-Control: private, so the origin is asked each time',
      reply: ({ requestNumber }) => ({
        type: markup,
        content: plainPage('Your account', `Made for you alone, as request ${requestNumber}.`),
        cacheControl: 'private, max-age=60',
      }),
    },
    {
      path: '/api/balance',
      group: 'Made for one visitor',
      title: 'A bank balance',
      shows: 'Cache-Control: no-store',
      reply: ({ requestNumber }) => ({
        type: json,
        content: `${JSON.stringify({ balance: 12.5, request: requestNumber })}\n`,
        cacheControl: 'no-store',
      }),
    },
  ];
}

function freshness(clock: Clock): Exhibit[] {
  const time = ({ nowMs, requestNumber }: Asked) =>
    `${JSON.stringify({ time: new Date(nowMs).toISOString(), request: requestNumber })}\n`;
  return [
    {
      path: '/now',
      group: 'Fresh and stale',
      title: 'The time at the origin',
      shows:
        'Changes at each fetch, fresh for an hour, tag “now”: the same answer until somebody purges it',
      reply: (asked) => ({
        type: json,
        content: time(asked),
        cacheControl: 'public, max-age=3600',
        tags: ['now'],
      }),
    },
    {
      path: '/api/tide',
      group: 'Fresh and stale',
      title: 'The tide, every 5 seconds',
      shows:
        'stale-while-revalidate: after 5 s the old answer comes at once, and a new one is fetched behind it',
      reply: (asked) => ({
        type: json,
        content: time(asked),
        cacheControl: 'public, max-age=5, stale-while-revalidate=60, stale-if-error=3600',
        tags: ['tide'],
      }),
    },
    {
      path: '/api/slow',
      group: 'Fresh and stale',
      title: 'A slow API',
      shows: `Takes ${slowMs} ms at the origin, and is fresh for 30 s`,
      reply: async (asked) => {
        await clock.sleep(slowMs);
        return {
          type: json,
          content: time(asked),
          cacheControl: 'public, max-age=30',
          tags: ['slow'],
        };
      },
    },
    {
      path: '/prices',
      group: 'Fresh and stale',
      title: 'Prices',
      shows: 'no-cache with an ETag: stored, and confirmed with the origin (304) before each use',
      reply: () => ({
        type: markup,
        content: plainPage('Berths', 'A berth is 14 a night, with water and company.'),
        cacheControl: 'no-cache',
        etag: 'content',
        lastModifiedMs: builtMs,
      }),
    },
  ];
}

function files(): Exhibit[] {
  const asset = (name: string, type: string, title: string, shows: string): Exhibit => {
    const content = readFileSync(
      path.join(import.meta.dirname, 'site', path.basename(name)),
      'utf8',
    );
    return {
      path: name,
      group: 'Files',
      title,
      shows,
      reply: () => ({
        type,
        content,
        cacheControl: 'public, max-age=86400',
        etag: 'content',
        lastModifiedMs: builtMs,
        tags: ['assets'],
      }),
    };
  };
  const sea = drawSea();
  return [
    asset('/style.css', 'text/css; charset=utf-8', 'Style sheet', 'Fresh for a day'),
    asset('/app.js', 'text/javascript; charset=utf-8', 'Script', 'Fresh for a day'),
    asset('/images/lighthouse.svg', 'image/svg+xml', 'Lighthouse', 'An SVG image'),
    {
      path: '/images/sea.png',
      group: 'Files',
      title: 'The sea',
      shows: 'A PNG image that never changes: immutable for a year',
      reply: () => ({
        type: 'image/png',
        content: sea,
        cacheControl: 'public, max-age=31536000, immutable',
        etag: 'content',
        tags: ['assets'],
      }),
    },
    {
      path: '/files/20mib.bin',
      group: 'Files',
      title: 'A file of 20 MiB',
      shows:
        'Asked for in part (curl -r 9000000-9000099) it is fetched in slices; whole, it streams while it is stored',
      reply: () => ({
        type: 'application/octet-stream',
        content: readBigFile(),
        readRange: readBigFile,
        cacheControl: 'public, max-age=86400',
        etag: bigFileEtag,
        lastModifiedMs: builtMs,
        tags: ['files'],
        fields: { 'content-length': String(bigFileBytes) },
      }),
    },
  ];
}

function otherAnswers(): Exhibit[] {
  return [
    {
      path: '/old-news',
      group: 'Other answers',
      title: 'A page that has moved',
      shows: '301 to the news, stored like any other answer',
      reply: () => ({
        status: 301,
        type: markup,
        content: plainPage('Moved', 'It is <a href="/news/">here</a> now.'),
        cacheControl: 'public, max-age=600',
        fields: { location: '/news/' },
      }),
    },
    {
      path: '/missing',
      group: 'Other answers',
      title: 'A page that is missing',
      shows: '404, fresh for 10 s: a broken link costs the origin one request in that time',
      reply: () => ({
        status: 404,
        type: markup,
        content: plainPage('Missing', 'Somebody has borrowed this page.'),
        cacheControl: 'public, max-age=10',
      }),
    },
    {
      path: '/api/echo',
      group: 'Other answers',
      title: 'What the origin sees',
      shows: 'The request as it arrived: Via, CDN-Loop, X-Forwarded-For. Takes POST as well',
      reply: ({ method, path: asked, headers, body }) => ({
        type: json,
        content: `${JSON.stringify({ method, path: asked, headers: Object.fromEntries(headers), body }, null, 2)}\n`,
        cacheControl: 'no-store',
      }),
    },
  ];
}
