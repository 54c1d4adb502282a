/**
 * The client for control traffic: the command line to purge-api, probes, tests of what a node answers. Bounded in
 * time and in bytes. The data plane dials through `core/upstream/dial.ts` instead.
 */
import { type Dispatcher, request } from 'undici';

export interface ControlRequest {
  method?: 'GET' | 'POST' | 'HEAD' | 'PURGE' | 'DELETE';
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  timeoutMs: number;
  /** Longer bodies are an error. Default 16 MiB. */
  maxBodyBytes?: number;
}

export interface ControlResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Sends one request. Throws on a failed connection, a timeout, or a body over the limit. */
export async function controlRequest(
  url: string,
  options: ControlRequest,
): Promise<ControlResponse> {
  const { method = 'GET', headers = {}, json, timeoutMs, maxBodyBytes = 16 * 2 ** 20 } = options;
  const response = await request(url, {
    method: method as Dispatcher.HttpMethod,
    headers: json === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: json === undefined ? null : JSON.stringify(json),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    signal: AbortSignal.timeout(timeoutMs * 2),
  });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += (part as Buffer).length;
    if (bytes > maxBodyBytes)
      throw new Error(`the answer of ${url} is longer than ${maxBodyBytes} bytes`);
    parts.push(part as Buffer);
  }
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) };
}
