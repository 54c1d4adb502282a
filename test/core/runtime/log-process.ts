/** Writes log lines with secrets in them. */
import { createLog } from '../../../core/runtime/log.ts';

const log = createLog({ service: 'edge', node: 'par', level: 'debug', bufferBytes: 4000 });
log.info({ secret: 'hunter2', token: 'hunter2', authorization: 'hunter2', seq: 1 }, 'top');
log.debug({ purge: { token: 'hunter2', name: 'deploy' } }, 'nested');
log.warn({ headers: { authorization: 'hunter2', accept: 'text/html' } }, 'headers');
log.trace('not said');
log.error({ err: new Error('broken') }, 'failed');
log.flush();
