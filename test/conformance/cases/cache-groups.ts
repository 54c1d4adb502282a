/** Groups of responses (RFC 9875): what changes one of them may take them all away. */
import { hour } from '../build.ts';
import type { Case, Expected, Group, Level, Line, OriginAnswer, SiteName } from '../case.ts';

const groupsOf = (value: string): Line => ['Cache-Groups', value];
const drops = (value: string): Line => ['Cache-Group-Invalidation', value];

interface About {
  id: string;
  name: string;
  level: Level;
  spec?: string;
  stored: string;
  method?: string;
  site?: SiteName;
  answer: OriginAnswer;
  gone: boolean;
}

/** `/a` is stored with groups; something happens to `/b`; `/a` is gone or not. */
function changed({
  id,
  name,
  level,
  spec = 'RFC 9875 §3',
  stored,
  method = 'POST',
  site,
  answer,
  gone,
}: About): Case {
  const expect: Expected = { source: gone ? 'origin' : 'stored' };
  return {
    id: `groups-${id}`,
    name,
    level,
    spec,
    alone: true,
    requests: [
      { path: '/a', origin: { lines: [hour, groupsOf(stored)] } },
      { path: '/a', expect: { source: 'stored' } },
      {
        path: '/b',
        method,
        body: 'x',
        ...(site ? { site } : {}),
        origin: answer,
        expect: { source: 'origin' },
      },
      { path: '/a', origin: { lines: [hour, groupsOf(stored)] }, expect },
    ],
  };
}

const cases: Case[] = [
  changed({
    id: 'invalidated',
    name: 'an answer to POST drops the group that it names',
    level: 'optional',
    stored: '"one"',
    answer: { lines: [drops('"one"')] },
    gone: true,
  }),
  changed({
    id: 'one-of-several',
    name: 'one of a response’s groups is enough',
    level: 'optional',
    stored: '"zero", "one", "two"',
    answer: { lines: [drops('"one"')] },
    gone: true,
  }),
  changed({
    id: 'several-named',
    name: 'several groups may be named',
    level: 'optional',
    stored: '"two"',
    answer: { lines: [drops('"one", "two"')] },
    gone: true,
  }),
  changed({
    id: 'lines',
    name: 'lines make one list',
    level: 'optional',
    stored: '"two"',
    answer: { lines: [drops('"one"'), drops('"two"')] },
    gone: true,
  }),
  changed({
    id: 'parameters',
    name: 'parameters mean nothing',
    level: 'optional',
    stored: '"one";a=b',
    answer: { lines: [drops('"one";c')] },
    gone: true,
  }),
  changed({
    id: 'put',
    name: 'so does an answer to PUT',
    level: 'optional',
    method: 'PUT',
    stored: '"one"',
    answer: { status: 204, lines: [drops('"one"')] },
    gone: true,
  }),
  changed({
    id: 'other',
    name: 'another group stays',
    level: 'required',
    stored: '"one"',
    answer: { lines: [drops('"two"')] },
    gone: false,
  }),
  changed({
    id: 'case',
    name: 'groups differ by case',
    level: 'required',
    spec: 'RFC 9875 §2.1',
    stored: '"One"',
    answer: { lines: [drops('"one"')] },
    gone: false,
  }),
  changed({
    id: 'token',
    name: 'a name that is no String makes the field be ignored',
    level: 'required',
    stored: '"one"',
    answer: { lines: [drops('one')] },
    gone: false,
  }),
  changed({
    id: 'broken',
    name: 'a field that cannot be read is ignored',
    level: 'required',
    stored: '"one"',
    answer: { lines: [drops('"one", "')] },
    gone: false,
  }),
  changed({
    id: 'stored-token',
    name: 'groups that are no Strings are none',
    level: 'required',
    spec: 'RFC 9875 §2',
    stored: 'one',
    answer: { lines: [drops('"one"')] },
    gone: false,
  }),
  changed({
    id: 'safe',
    name: 'an answer to a safe method drops nothing',
    level: 'required',
    method: 'GET',
    stored: '"one"',
    answer: { lines: [drops('"one"')] },
    gone: false,
  }),
  changed({
    id: 'options',
    name: 'an answer to OPTIONS drops nothing',
    level: 'required',
    method: 'OPTIONS',
    stored: '"one"',
    answer: { lines: [drops('"one"')] },
    gone: false,
  }),
  changed({
    id: 'error',
    name: 'an error drops nothing',
    level: 'ours',
    stored: '"one"',
    answer: { status: 500, lines: [drops('"one"')] },
    gone: false,
  }),
  changed({
    id: 'other-origin',
    name: 'groups of another origin are others',
    level: 'required',
    spec: 'RFC 9875 §2.1',
    site: 'bare',
    stored: '"one"',
    answer: { lines: [drops('"one"')] },
    gone: false,
  }),
  {
    id: 'groups-hidden',
    name: 'clients are not shown Cache-Groups',
    level: 'ours',
    spec: 'RFC 9875 §2',
    requests: [
      {
        origin: { lines: [hour, groupsOf('"one"')] },
        expect: { source: 'origin', absent: ['Cache-Groups'] },
      },
      { expect: { source: 'stored', absent: ['Cache-Groups'] } },
    ],
  },
];

export const cacheGroups: Group = { name: 'cache-groups', cases };
