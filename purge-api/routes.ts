/**
 * Routes of the API: each is described and handled in one place, so that the OpenAPI document cannot say anything else than what is
 * served. Methods that a path does not have are refused with those that it has.
 */
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Caller } from './auth.ts';
import { problemResponse } from './problem.ts';

export type ApiEnvironment = { Variables: { caller: Caller } };
export type ApiContext = Context<ApiEnvironment>;
export type ApiApp = OpenAPIHono<ApiEnvironment>;

export interface Route {
  spec: RouteConfig;
  handle(context: ApiContext): Response | Promise<Response>;
}

/** Enters the routes into the app and its document. */
export function addRoutes(app: ApiApp, routes: readonly Route[]): void {
  const methods = new Map<string, string[]>();
  for (const { spec, handle } of routes) {
    const path = pattern(spec.path);
    app.openAPIRegistry.registerPath(spec);
    app.on(spec.method.toUpperCase(), path, handle);
    const own = spec.method === 'get' ? ['GET', 'HEAD'] : [spec.method.toUpperCase()];
    methods.set(path, [...(methods.get(path) ?? []), ...own]);
  }
  for (const [path, own] of methods) refuseOthers(app, path, own);
}

/** Answers every other method of the path with 405. */
export function refuseOthers(app: ApiApp, path: string, methods: readonly string[]): void {
  const allow = [...methods].sort().join(', ');
  app.all(path, ({ req }) => {
    const detail = `${req.path} takes ${allow}, not ${req.method}`;
    return problemResponse('method-not-allowed', detail, { headers: { allow } });
  });
}

/** `/v1/purges/{id}` as the router has it. */
function pattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
