/**
 * The countries of ISO 3166-1: their continent, about where their people live, and how many of them use the internet.
 * Written by hand for this file, from general knowledge and rounded: a point is right to some hundred kilometres, the users
 * (millions, about 2023) to some tenths. Good for maps of catchments and for simulated populations; no client is located by
 * it, only the continent of a country is taken from here where a GeoIP record does not tell it.
 */
import type { Continent } from '../../core/topology/steering-schema.ts';

export interface Country {
  /** ISO 3166-1 alpha-2. */
  code: string;
  continent: Continent;
  /** Degrees. */
  latitude: number;
  longitude: number;
  /** Internet users in millions. */
  users: number;
}

/** By continent: code, latitude, longitude, users. */
const table: readonly [Continent, string][] = [
  [
    'AF',
    `DZ 36 3 33|AO -10 14 14|BJ 7 2.4 4.6|BW -24 26 1.9|BF 12 -1.5 4.5|BI -3.4 29.6 1.5|CV 15 -23.6 0.4|CM 4.5 11 13
    CF 5 18.5 0.6|TD 12 16 2.2|KM -12 43.4 0.3|CG -4 15 2.2|CD -5 20 28|CI 6 -4.5 12|DJ 11.6 43 0.7|EG 30 31 82|GQ 3 9.5 0.9
    ER 15.3 39 0.8|SZ -26.4 31.3 0.7|ET 9 39 24|GA 0 10 1.7|GM 13.4 -16 1.4|GH 6.5 -1 24|GN 10 -12 5|GW 12 -15.3 0.7
    KE -1 37 22|LS -29.5 28 1.1|LR 6.4 -10 1.6|LY 32 15 6|MG -19 47 6|MW -14 34.5 5.5|ML 13 -7 8|MR 18 -15 2|MU -20.2 57.5 0.9
    YT -12.8 45.2 0.2|MA 33.5 -7 34|MZ -20 35 7.2|NA -22 17 1.6|NE 13.6 4 4.5|NG 8 6 123|RE -21 55.5 0.7|RW -2 30 4.5
    SH -16 -5.7 0.01|ST 0.3 6.7 0.1|SN 14.6 -16.5 10.5|SC -4.6 55.4 0.09|SL 8.3 -12.5 1.8|SO 3 45 5|ZA -27 28.5 45
    SS 5 31 1.3|SD 15.5 32.5 13|TZ -6 37 21|TG 6.5 1.2 3.4|TN 36 10 9.8|UG 0.5 32.5 13|EH 26 -13 0.1|ZM -14 28 6|ZW -18.5 31 5.7`,
  ],
  ['AN', 'AQ -77.8 166.7 0.001|BV -54.4 3.4 0|GS -54.3 -36.5 0|HM -53 73.5 0|TF -49.3 70.2 0'],
  [
    'AS',
    `AF 34.5 68 7.7|AM 40.2 44.5 2.1|AZ 40.4 49.5 9|BH 26.1 50.5 1.5|BD 23.8 90.4 66|BT 27.4 90 0.6|BN 4.9 115 0.4
    KH 12 105 11|CN 32 115 1090|CX -10.5 105.6 0.001|CC -12.2 96.8 0.001|CY 35 33.2 1.1|GE 42 44 3|HK 22.3 114.2 7|IN 22 79 880
    ID -6.8 109 215|IR 35 51.5 72|IQ 33 44 36|IL 32 35 8.6|IO -7.3 72.4 0.003|JP 35.5 138 105|JO 32 36 9.5|KZ 48 70 18
    KP 39 126 0.02|KR 37 127.2 50|KW 29.3 48 4.4|KG 42 74 5.4|LA 18 103 4.7|LB 33.8 35.6 4.8|MO 22.2 113.5 0.6|MY 3.5 102 33
    MV 4.2 73.5 0.4|MN 47.5 107 2.9|MM 20 96 24|NP 27.7 85 17|OM 23 57.5 4.5|PK 31 72 87|PS 31.9 35.2 4|PH 13.5 121.5 85
    QA 25.3 51.5 2.7|SA 24 45 36|SG 1.35 103.8 5.8|LK 7 80.2 12|SY 34 37 8|TW 24.3 120.8 21.7|TJ 38.5 69 4.2|TH 14.5 101 63
    TL -8.7 125.8 0.5|TR 39.5 32 73|TM 38.5 59 2.5|AE 25 55.2 9.4|UZ 41 67 29|VN 16 107 78|YE 15 45 9`,
  ],
  [
    'EU',
    `AX 60.2 20 0.03|AL 41.3 19.8 2.3|AD 42.5 1.5 0.08|AT 48 15 8.4|BY 53.7 28 8.5|BE 50.8 4.5 11|BA 44 18 2.7|BG 42.6 25 5.4
    HR 45.6 16 3.2|CZ 50 15.3 9.4|DK 55.8 10.8 5.8|EE 59 25.5 1.2|FO 62 -7 0.05|FI 61 25 5.2|FR 47.5 2.5 59|DE 51 9.5 78
    GI 36.1 -5.35 0.03|GR 38.5 23.3 8.9|GG 49.5 -2.6 0.06|VA 41.9 12.45 0.001|HU 47.3 19.3 8.8|IS 64.1 -21.8 0.37
    IE 53.3 -7 4.9|IM 54.2 -4.5 0.08|IT 43 11.8 51|JE 49.2 -2.1 0.1|XK 42.6 21 1.6|LV 56.9 24.5 1.7|LI 47.1 9.5 0.04
    LT 55 24 2.4|LU 49.7 6.1 0.65|MT 35.9 14.4 0.5|MD 47 28.8 1.9|MC 43.7 7.4 0.04|ME 42.4 19.2 0.55|NL 52.2 5 17.2
    MK 41.8 21.5 1.8|NO 60.5 9.5 5.4|PL 52 19.3 32.5|PT 39.7 -8.7 8.8|RO 45.2 25.5 17|RU 55.5 43 130|SM 43.9 12.45 0.03
    RS 44.5 20.7 5.9|SK 48.6 19 4.8|SI 46.1 14.7 1.9|ES 40 -3 45|SJ 78.2 15.6 0.003|SE 59 15.5 10.1|CH 47 8.2 8.5|UA 49.3 31 30
    GB 52.5 -1.3 66`,
  ],
  [
    'NA',
    `AI 18.2 -63 0.01|AG 17.1 -61.8 0.09|AW 12.5 -70 0.1|BS 25 -77.4 0.38|BB 13.2 -59.5 0.24|BZ 17.5 -88.5 0.29|BM 32.3 -64.8 0.06
    BQ 12.2 -68.3 0.02|VG 18.4 -64.6 0.03|CA 46.5 -82 37|KY 19.3 -81.3 0.06|CR 9.9 -84.1 4.3|CU 22 -80 8|CW 12.2 -69 0.13
    DM 15.4 -61.4 0.06|DO 18.8 -70.2 9.6|SV 13.7 -89.1 4.2|GL 64.2 -51.7 0.04|GD 12.1 -61.7 0.09|GP 16.2 -61.6 0.35
    GT 14.7 -90.8 10.5|HT 18.8 -72.5 4.5|HN 14.8 -87 6.3|JM 18.1 -77 2.4|MQ 14.6 -61 0.32|MX 20 -100 107|MS 16.7 -62.2 0.004
    NI 12.3 -86 4|PA 9 -80 3.4|PR 18.3 -66.4 2.9|BL 17.9 -62.8 0.01|KN 17.3 -62.7 0.04|LC 13.9 -61 0.14|MF 18.1 -63.1 0.03
    PM 46.8 -56.2 0.005|VC 13.2 -61.2 0.09|SX 18 -63.1 0.04|TT 10.5 -61.3 1.2|TC 21.8 -72.2 0.04|US 38.5 -91 311|VI 18 -64.8 0.07`,
  ],
  [
    'OC',
    `AS -14.3 -170.7 0.03|AU -33.5 147 25.4|CK -21.2 -159.8 0.01|FJ -18 178.2 0.8|PF -17.6 -149.5 0.22|GU 13.4 144.8 0.14
    KI 1.4 173 0.07|MH 7.1 171.2 0.03|FM 6.9 158.2 0.05|NR -0.5 166.9 0.01|NC -22 166 0.24|NZ -39 175 5|NU -19 -169.9 0.001
    NF -29 168 0.002|MP 15.2 145.7 0.04|PW 7.5 134.6 0.01|PG -7 146 2.8|PN -25.1 -130.1 0|WS -13.8 -171.8 0.17|SB -9.5 160 0.3
    TK -9.2 -171.8 0.001|TO -21.1 -175.2 0.06|TV -8.5 179.2 0.01|UM 19.3 166.6 0|VU -17 168 0.2|WF -13.3 -176.2 0.01`,
  ],
  [
    'SA',
    `AR -34 -60.5 40|BO -17 -65.5 8.5|BR -20 -46.5 181|CL -33.5 -71 18.5|CO 5.5 -74.5 39|EC -1.3 -79 13|FK -51.7 -58 0.004
    GF 4.8 -52.4 0.17|GY 6.7 -58.1 0.7|PY -25.3 -57.3 5.3|PE -11 -76.5 25.5|SR 5.8 -55.2 0.5|UY -34.5 -56 3.1|VE 10 -67.5 18`,
  ],
];

/** Every country, in the order of its code. */
export const countries: readonly Country[] = table
  .flatMap(([continent, text]) =>
    text.split(/[|\n]/).map((entry) => countryOf(continent, entry.trim())),
  )
  .sort((a, b) => (a.code < b.code ? -1 : 1));

const byCode = new Map(countries.map((country) => [country.code, country]));

/** Undefined for a code that no country has. */
export function findCountry(code: string): Country | undefined {
  return byCode.get(code);
}

function countryOf(continent: Continent, entry: string): Country {
  const [code = '', latitude, longitude, users] = entry.split(' ');
  return {
    code,
    continent,
    latitude: Number(latitude),
    longitude: Number(longitude),
    users: Number(users),
  };
}
