/**
 * Where city databases come from: DB-IP City Lite (CC BY 4.0, monthly), GeoLite2 City (with the user's own key, under MaxMind's licence),
 * or any URL. Nothing is fetched that the operator did not name. Pure.
 */

export interface Account {
  id: string;
  key: string;
}

export interface SourceOptions {
  /** `dbip`, `maxmind` or a URL. */
  from: string;
  nowMs: number;
  account?: Account;
  /** Replaced in tests. */
  bases?: typeof publicBases;
}

export interface Download {
  /** In this order, until one is there: a month's file appears in the course of its first days. */
  urls: readonly string[];
  /** Where the SHA-256 of the file is told. */
  checksumUrl?: string;
  headers: Record<string, string>;
}

export const publicBases = {
  dbip: 'https://download.db-ip.com',
  maxmind: 'https://download.maxmind.com',
};

/** Throws a line for the user when something is missing. */
export function downloadOf({ from, nowMs, account, bases = publicBases }: SourceOptions): Download {
  if (from === 'dbip') {
    const months = [0, 1].map((back) => monthText(nowMs, back));
    return {
      urls: months.map((month) => `${bases.dbip}/free/dbip-city-lite-${month}.mmdb.gz`),
      headers: {},
    };
  }
  if (from === 'maxmind') {
    if (!account) {
      throw new Error(
        'GeoLite2 needs an account: give --account ID and --key env:NAME or file:PATH',
      );
    }
    const url = `${bases.maxmind}/geoip/databases/GeoLite2-City/download?suffix=tar.gz`;
    const credentials = Buffer.from(`${account.id}:${account.key}`).toString('base64');
    const headers = { authorization: `Basic ${credentials}` };
    return { urls: [url], checksumUrl: `${url}.sha256`, headers };
  }
  if (!URL.canParse(from)) throw new Error(`"${from}" is neither dbip, nor maxmind, nor a URL`);
  return { urls: [from], headers: {} };
}

/** `2026-11`, in UTC. */
function monthText(nowMs: number, monthsBack: number): string {
  const now = new Date(nowMs);
  const then = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsBack, 1));
  return then.toISOString().slice(0, 7);
}
