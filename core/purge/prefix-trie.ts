/**
 * A radix trie from prefixes to values: which of many prefixes does a URL begin with, in a time that depends on the length
 * of the URL and not on the number of prefixes. Edges carry strings; a node with one child and no value is merged away.
 */
interface TrieNode<V> {
  /** What the edge to this node adds; empty only at the root. */
  edge: string;
  /** By the first code unit of the child's edge. */
  children: Map<number, TrieNode<V>>;
  value: V | undefined;
}

export interface PrefixTrie<V> {
  /** Sets the value of a prefix. The empty prefix is allowed and matches everything. */
  set(prefix: string, value: V): void;
  delete(prefix: string): void;
  /** Calls `visit` with the value of every prefix of `text`, shortest first. */
  forEachPrefixOf(text: string, visit: (value: V) => void): void;
}

/** Creates an empty trie. */
export function createPrefixTrie<V>(): PrefixTrie<V> {
  const root: TrieNode<V> = { edge: '', children: new Map(), value: undefined };
  return {
    set: (prefix, value) => insert(root, prefix, value),
    delete: (prefix) => remove(root, prefix),
    forEachPrefixOf(text, visit) {
      let at = 0;
      for (let node: TrieNode<V> | undefined = root; node; ) {
        if (node.value !== undefined) visit(node.value);
        const child: TrieNode<V> | undefined = node.children.get(text.charCodeAt(at));
        if (!child || !text.startsWith(child.edge, at)) return;
        at += child.edge.length;
        node = child;
      }
    },
  };
}

function insert<V>(root: TrieNode<V>, prefix: string, value: V): void {
  let node = root;
  let at = 0;
  while (at < prefix.length) {
    const first = prefix.charCodeAt(at);
    const child = node.children.get(first);
    if (!child) {
      node.children.set(first, { edge: prefix.slice(at), children: new Map(), value });
      return;
    }
    const shared = sharedLength(child.edge, prefix, at);
    node = shared < child.edge.length ? split(node, child, shared) : child;
    at += shared;
  }
  node.value = value;
}

/** Puts a node without a value into the middle of the edge to `child` and returns it. */
function split<V>(parent: TrieNode<V>, child: TrieNode<V>, length: number): TrieNode<V> {
  const middle: TrieNode<V> = {
    edge: child.edge.slice(0, length),
    children: new Map([[child.edge.charCodeAt(length), child]]),
    value: undefined,
  };
  parent.children.set(child.edge.charCodeAt(0), middle);
  child.edge = child.edge.slice(length);
  return middle;
}

/** Removes the value of `prefix`, and the nodes that have become needless. */
function remove<V>(root: TrieNode<V>, prefix: string): void {
  const way: TrieNode<V>[] = [root];
  let node = root;
  for (let at = 0; at < prefix.length; at += node.edge.length) {
    const child = node.children.get(prefix.charCodeAt(at));
    if (!child || !prefix.startsWith(child.edge, at)) return;
    node = child;
    way.push(node);
  }
  node.value = undefined;
  for (let depth = way.length - 1; depth > 0; depth -= 1) {
    const [parent, child] = [way[depth - 1], way[depth]];
    if (!parent || !child || child.value !== undefined) return;
    compact(parent, child);
  }
}

/** Takes `child`, which has no value, out of the trie if it has no child or one. */
function compact<V>(parent: TrieNode<V>, child: TrieNode<V>): void {
  const first = child.edge.charCodeAt(0);
  if (child.children.size === 0) parent.children.delete(first);
  if (child.children.size !== 1) return;
  for (const only of child.children.values()) {
    only.edge = child.edge + only.edge;
    parent.children.set(first, only);
  }
}

function sharedLength(edge: string, text: string, at: number): number {
  let length = 0;
  while (length < edge.length && edge.charCodeAt(length) === text.charCodeAt(at + length)) {
    length += 1;
  }
  return length;
}
