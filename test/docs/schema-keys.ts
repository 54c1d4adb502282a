/**
 * The keys of the configuration as core/topology/schema.ts defines them, as data: path, whether a file must have it, and its
 * default. Walks zod's own definitions, because a JSON schema forgets the default of a value that is transformed.
 */
import { z } from 'zod';
import { topologySchema } from '../../core/topology/schema.ts';

export interface SchemaKey {
  /** `sites[].origins[].weight`. */
  path: string;
  isRequired: boolean;
  /** The value in force when the key is absent: milliseconds, bytes, text …; undefined: there is none. */
  fallback: unknown;
}

/** Every key, sections included, in the order of the schema. */
export function schemaKeys(): SchemaKey[] {
  return keysWithin(topologySchema, '');
}

/** A schema without what is wrapped around it; `fallback` is that of the outermost wrapper that has one. */
function unwrap(schema: z.core.$ZodType): {
  inner: z.core.$ZodType;
  isRequired: boolean;
  fallback: unknown;
} {
  let inner = schema;
  let isRequired = true;
  let fallback: unknown;
  for (;;) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      fallback ??= inner.def.defaultValue;
      isRequired = false;
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodOptional) {
      isRequired = false;
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPipe) inner = inner.def.in;
    else return { inner, isRequired, fallback };
  }
}

function keysWithin(schema: z.core.$ZodType, prefix: string): SchemaKey[] {
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodArray) return keysWithin(inner.def.element, `${prefix}[]`);
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape).flatMap(([name, value]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const { isRequired, fallback } = unwrap(value);
    return [{ path, isRequired, fallback }, ...keysWithin(value, path)];
  });
}
