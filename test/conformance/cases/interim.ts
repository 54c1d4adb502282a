/** Interim responses (RFC 9110 §15.2, RFC 8297): passed on when they come, and gone with the response that they preceded. */
import { cacheControl, etag, hour } from '../build.ts';
import type { Case, Group, Interim, Line } from '../case.ts';

const passing = 'RFC 9110 §15.2';
const hints = 'RFC 8297 §2';

const link: Line = ['Link', '</a.css>; rel=preload; as=style'];
const early: Interim = { status: 103, lines: [link] };

const passed: Case[] = [
  {
    id: 'interim-103',
    name: 'a 103 is passed on',
    spec: hints,
    level: 'required',
    requests: [
      {
        origin: { interim: [early], lines: [hour, ['X-Final', '1']] },
        expect: {
          source: 'origin',
          interim: [{ status: 103, fields: { Link: '</a.css>; rel=preload; as=style' } }],
          fields: { 'X-Final': '1' },
          absent: ['Link'],
        },
      },
    ],
  },
  {
    id: 'interim-103-early',
    name: 'a 103 is passed on when it comes, not with the final response',
    spec: hints,
    level: 'optional',
    requests: [
      {
        origin: { interim: [early], interimLeadMs: 1500 },
        expect: { source: 'origin', interim: [{ status: 103 }], interimEarly: true },
      },
    ],
  },
  {
    id: 'interim-102',
    name: 'a 102 is passed on',
    spec: passing,
    level: 'required',
    requests: [
      {
        origin: { interim: [{ status: 102, lines: [['X-Progress', '1']] }] },
        expect: { source: 'origin', interim: [{ status: 102 }] },
      },
    ],
  },
  {
    id: 'interim-several',
    name: 'several interim responses are passed on in order',
    spec: passing,
    level: 'required',
    requests: [
      {
        origin: {
          interim: [
            { status: 102 },
            early,
            { status: 103, lines: [['Link', '</b>; rel=preload']] },
          ],
        },
        expect: {
          source: 'origin',
          interim: [
            { status: 102 },
            { status: 103 },
            { status: 103, fields: { Link: '</b>; rel=preload' } },
          ],
        },
      },
    ],
  },
  {
    id: 'interim-not-stored',
    name: 'a 103 is not sent again with what is stored',
    spec: passing,
    level: 'required',
    requests: [
      { origin: { interim: [early], lines: [hour, ['X-Final', '1']] } },
      { expect: { source: 'stored', interim: [], fields: { 'X-Final': '1' }, absent: ['Link'] } },
    ],
  },
  {
    id: 'interim-post',
    name: 'a 103 of an answer to POST is passed on',
    spec: hints,
    level: 'ours',
    requests: [
      {
        method: 'POST',
        body: 'x',
        origin: { interim: [early] },
        expect: { source: 'origin', interim: [{ status: 103 }] },
      },
    ],
  },
  {
    id: 'interim-hop-by-hop',
    name: 'fields of one connection are not passed on with a 103',
    spec: 'RFC 9110 §7.6.1',
    level: 'required',
    requests: [
      {
        origin: {
          interim: [
            {
              status: 103,
              lines: [link, ['Connection', 'X-One'], ['X-One', '1'], ['Keep-Alive', 'a=1']],
            },
          ],
        },
        expect: {
          source: 'origin',
          interim: [{ status: 103, fields: { Link: /a\.css/, 'X-One': [], 'Keep-Alive': [] } }],
        },
      },
    ],
  },
  {
    id: 'interim-old-client',
    name: 'a client of HTTP/1.0 gets no interim response',
    spec: passing,
    level: 'required',
    requests: [
      { version: '1.0', origin: { interim: [early] }, expect: { source: 'origin', interim: [] } },
    ],
  },
  {
    id: 'interim-unknown',
    name: 'an unknown interim response does not hide the final one',
    spec: passing,
    level: 'required',
    requests: [{ origin: { interim: [{ status: 199 }] }, expect: { source: 'origin' } }],
  },
  {
    id: 'interim-continue',
    name: 'a 100 that nobody has asked for does not hide the final response',
    spec: 'RFC 9110 §15.2.1',
    level: 'required',
    requests: [{ origin: { interim: [{ status: 100 }] }, expect: { source: 'origin' } }],
  },
  {
    id: 'interim-error',
    name: 'a 103 may precede an error',
    spec: hints,
    level: 'ours',
    requests: [
      {
        origin: { status: 404, interim: [early] },
        expect: { source: 'origin', status: 404, interim: [{ status: 103 }] },
      },
    ],
  },
  {
    id: 'interim-validation',
    name: 'a 103 before a 304 is passed on, and what is stored follows',
    spec: hints,
    level: 'ours',
    requests: [
      { origin: { lines: [hour, ['Age', '7200'], etag('"a"')] } },
      {
        origin: { status: 304, interim: [early], lines: [etag('"a"')] },
        expect: { source: 'revalidated', interim: [{ status: 103 }] },
      },
    ],
  },
  {
    id: 'interim-collapsed',
    name: 'a 103 keeps nobody of those who wait for one response from getting it',
    spec: hints,
    level: 'ours',
    requests: [
      {
        together: 3,
        origin: { lines: [hour], delayMs: 500, interim: [early], interimLeadMs: 300 },
        expect: { asks: 1 },
      },
    ],
  },
];

const made: Case[] = [
  {
    id: 'early-hints-made',
    name: 'a 103 is made from the stored Link with preload while something newer is fetched, where the site says so',
    spec: hints,
    level: 'ours',
    site: 'early',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600'), ['Age', '7200'], etag('"a"'), link] } },
      {
        origin: { lines: [hour, link], delayMs: 500 },
        expect: {
          source: 'origin',
          interim: [{ status: 103, fields: { Link: '</a.css>; rel=preload; as=style' } }],
        },
      },
    ],
  },
  {
    id: 'early-hints-not-for-a-hit',
    name: 'no 103 is made before a hit, which is as early itself',
    spec: hints,
    level: 'ours',
    site: 'early',
    requests: [
      { origin: { lines: [hour, link] } },
      {
        expect: {
          source: 'stored',
          interim: [],
          fields: { Link: '</a.css>; rel=preload; as=style' },
        },
      },
    ],
  },
  {
    id: 'early-hints-off',
    name: 'no 103 is made where the site does not say so',
    spec: hints,
    level: 'ours',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600'), ['Age', '7200'], link] } },
      { origin: { lines: [hour, link] }, expect: { source: 'origin', interim: [] } },
    ],
  },
];

export const interim: Group = { name: 'interim', cases: [...passed, ...made] };
