/** The answer to an OPTIONS that was to go no further than here (RFC 9110 §7.6.2, 9.3.7). */
import { type AdmittedExchange, accessStart } from './client-exchange.ts';

/** What is served for sites in general; the origin may allow less. */
const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Says what methods this node takes. */
export function sendOptions(exchange: AdmittedExchange): void {
  const { deps, req, res, admitted } = exchange;
  const record = accessStart(exchange, {
    xCache: 'BYPASS',
    cacheStatus: 'Max-Forwards: 0',
    from: undefined,
  });
  // A body that comes with it is not read.
  if (deps.isDraining() || !req.complete) res.shouldKeepAlive = false;
  res.writeHead(204, ['Allow', allowed, 'X-Request-Id', admitted.requestId]);
  res.end();
  record({ status: 204, sentBytes: 0, complete: true });
}
