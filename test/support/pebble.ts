/** Pebble, Let's Encrypt's certificate authority for tests, and as much of an ACME client (RFC 8555) as proving a name needs. */
import { execFile, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './network/ports.ts';

export interface Pebble {
  directory: string;
  /** Its certificate, which signs itself. */
  ca: Buffer;
  stop(): Promise<void>;
}

/** Starts Pebble; it asks `dnsServer` (host:port) for all names, and lets nobody wait. */
export async function startPebble(dnsServer: string): Promise<Pebble> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-pebble-'));
  const [certificate, privateKey] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', privateKey, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  const [port, managementPort] = await freePorts(2);
  const config = path.join(folder, 'config.json');
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate,
    privateKey,
    httpPort: 1,
    tlsPort: 1,
  };
  writeFileSync(config, JSON.stringify({ pebble }));
  const child = spawn('pebble', ['-config', config, '-dnsserver', dnsServer], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
  });
  const ended = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text) => {
      if (String(text).includes('Listening on')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error('pebble has ended')));
  });
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    ca: readFileSync(certificate),
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

interface Answer {
  headers: IncomingHttpHeaders;
  body: Record<string, never> & { [key: string]: unknown };
}

export interface AcmeClient {
  /** Orders a certificate for `host`; the value to publish, and the way to have it checked. */
  order(host: string): Promise<{ value: string; check(): Promise<Answer['body']> }>;
}

/** A client with a new account. */
export async function createAcmeClient({ directory, ca }: Pebble): Promise<AcmeClient> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const jwk = { crv, kty, x, y };
  const thumbprint = digest(JSON.stringify(jwk));
  const urls = (await send(ca, 'GET', directory)).body as Record<string, string>;
  let kid: string | undefined;
  const post = async (url: string, payload: unknown): Promise<Answer> => {
    const { headers } = await send(ca, 'HEAD', urls.newNonce ?? '');
    const nonce = headers['replay-nonce'];
    const protectedHead = { alg: 'ES256', nonce, url, ...(kid ? { kid } : { jwk }) };
    return send(ca, 'POST', url, signed(privateKey, protectedHead, payload));
  };
  const account = await post(urls.newAccount ?? '', { termsOfServiceAgreed: true });
  kid = account.headers.location;
  return {
    async order(host) {
      const identifiers = [{ type: 'dns', value: host }];
      const { body: order } = await post(urls.newOrder ?? '', { identifiers });
      const [url = ''] = order.authorizations as unknown as string[];
      const { body: authorization } = await post(url, undefined);
      const challenges = authorization.challenges as unknown as {
        type: string;
        url: string;
        token: string;
      }[];
      const challenge = challenges.find(({ type }) => type === 'dns-01');
      if (!challenge) throw new Error('no dns-01 challenge');
      return {
        value: digest(`${challenge.token}.${thumbprint}`),
        async check() {
          await post(challenge.url, {});
          for (;;) {
            const { body } = await post(url, undefined);
            if (body.status !== 'pending') return body;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        },
      };
    },
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** A JSON Web Signature in its flattened form (RFC 8555 §6.2); without a payload it asks (§6.3). */
function signed(key: KeyObject, head: object, payload: unknown): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const parts = [encode(head), payload === undefined ? '' : encode(payload)] as const;
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.from(parts.join('.')), options).toString('base64url');
  return JSON.stringify({ protected: parts[0], payload: parts[1], signature });
}

function send(ca: Buffer, method: string, url: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/jose+json' };
    const outgoing = request(url, { method, ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 0) >= 400) reject(new Error(`${url}: ${text}`));
        else resolve({ headers: response.headers, body: text === '' ? {} : JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
