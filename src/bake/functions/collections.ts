import { areEqual, compareText, isList, isMap, kindOf, numberOf, sortedEntries, textOf, type Value } from '../value.ts';
import { CallRefused, fixed, texts, variadic, whole, type BakeFunction } from './function.ts';

/** Elements that a result may have. */
const RESULT_MAX = 100_000;

export const COLLECTION_FUNCTIONS: Readonly<Record<string, BakeFunction>> = {
  chunklist: fixed(['list', 'number'], (list, size) => {
    if (whole(size, 'the size', 0) === 0) return [list];
    return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
  }),
  coalesce: variadic([], 'any?', (_, values) => {
    const found = values.find((value) => value !== null);
    if (found === undefined) throw new CallRefused('all arguments are null');
    return found;
  }),
  coalescelist: variadic([], 'any?', (_, lists) => {
    const found = lists.find((list) => isList(list) && list.length > 0);
    if (found === undefined) throw new CallRefused('all lists are empty');
    return found;
  }),
  compact: fixed(['list'], (list) => list.filter((value) => value !== '' && value !== null)),
  concat: variadic(['list'], 'list', ([first], rest) => [first, ...rest].flat(1)),
  contains: fixed(['any', 'any'], (collection, wanted) =>
    elementsOf(collection).some((value) => areEqual(value, wanted)),
  ),
  distinct: fixed(['list'], distinct),
  element: fixed(['list', 'number'], (list, index) => {
    if (list.length === 0) throw new CallRefused('the list is empty');
    const at = whole(index, 'the index') % list.length;
    return list[at < 0 ? at + list.length : at] ?? null;
  }),
  flatten: fixed(['list'], flatten),
  hasindex: fixed(['any', 'any'], (collection, key) => find(collection, key) !== undefined),
  index: fixed(['any', 'any'], (collection, key) => {
    const found = find(collection, key);
    if (found === undefined) throw new CallRefused(`there is no element ${textOf(key) ?? kindOf(key)}`);
    return found;
  }),
  indexof: fixed(['list', 'any'], (list, wanted) => {
    const found = list.findIndex((value) => areEqual(value, wanted));
    if (found === -1) throw new CallRefused('the value is not in the list');
    return found;
  }),
  keys: fixed(['map'], (map) => sortedEntries(map).map(([key]) => key)),
  length: fixed(['any'], (collection) =>
    typeof collection === 'string' ? Array.from(collection).length : elementsOf(collection).length,
  ),
  lookup: variadic(['map', 'string'], 'any?', ([map, key], [fallback]) => {
    const found = map.get(key) ?? fallback;
    if (found === undefined) throw new CallRefused(`the object has no ${JSON.stringify(key)}, and no default is given`);
    return found;
  }),
  merge: variadic([], 'map', (_, maps) => new Map(maps.flatMap((map) => [...map]))),
  range: variadic(['number'], 'number', ([first], rest) => rangeOf([first, ...rest])),
  reverselist: fixed(['list'], (list) => list.toReversed()),
  sethaselement: fixed(['list', 'any'], (set, wanted) => set.some((value) => areEqual(value, wanted))),
  setintersection: variadic(['list'], 'list', ([first], rest) =>
    inOrder(first.filter((value) => rest.every((set) => set.some((other) => areEqual(value, other))))),
  ),
  setproduct: variadic([], 'list', (_, sets) => product(sets)),
  setsubtract: fixed(['list', 'list'], (a, b) =>
    inOrder(a.filter((value) => !b.some((other) => areEqual(value, other)))),
  ),
  setsymmetricdifference: variadic(['list'], 'list', ([first], rest) =>
    rest.reduce<readonly Value[]>((a, b) => {
      const only = (one: readonly Value[], other: readonly Value[]): Value[] =>
        one.filter((value) => !other.some((theirs) => areEqual(value, theirs)));
      return inOrder([...only(a, b), ...only(b, a)]);
    }, inOrder(first)),
  ),
  setunion: variadic(['list'], 'list', ([first], rest) => inOrder([first, ...rest].flat(1))),
  slice: fixed(['list', 'number', 'number'], (list, start, end) => {
    if (whole(start, 'the start', 0) > whole(end, 'the end', 0, list.length))
      throw new CallRefused('the start comes after the end');
    return list.slice(start, end);
  }),
  sort: fixed(['list'], (list) => texts(list).toSorted(compareText)),
  values: fixed(['map'], (map) => sortedEntries(map).map(([, value]) => value)),
  zipmap: fixed(['list', 'list'], (keys, values) => {
    if (keys.length !== values.length) throw new CallRefused(`${keys.length} keys, and ${values.length} values`);
    return new Map(texts(keys).map((key, i) => [key, values[i] ?? null]));
  }),
};

function elementsOf(collection: Value): readonly Value[] {
  if (isList(collection)) return collection;
  if (isMap(collection)) return sortedEntries(collection).map(([, value]) => value);
  throw new CallRefused(`argument 1 is ${kindOf(collection)}, expected a list or an object`);
}

function find(collection: Value, key: Value): Value | undefined {
  if (isMap(collection)) return collection.get(textOf(key) ?? '');
  const number = numberOf(key);
  return isList(collection) && number !== undefined ? collection[number] : undefined;
}

function distinct(list: readonly Value[]): Value[] {
  return list.filter((value, i) => list.findIndex((other) => areEqual(value, other)) === i);
}

function flatten(list: readonly Value[]): Value[] {
  return list.flatMap((value) => (isList(value) ? flatten(value) : [value]));
}

/** A set goes through its elements in order: numbers by value, strings by code points. */
export function inOrder(list: readonly Value[]): Value[] {
  return distinct(list).toSorted((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : compareText(textOf(a) ?? '', textOf(b) ?? ''),
  );
}

function rangeOf(args: readonly number[]): Value {
  if (args.length > 3) throw new CallRefused(`it takes 1 to 3 arguments, not ${args.length}`);
  const [start = 0, end = 0] = args.length === 1 ? [0, args[0]] : args;
  const step = args[2] ?? (start <= end ? 1 : -1);
  if (step === 0 || Math.sign(step) !== Math.sign(end - start || step))
    throw new CallRefused(`the step ${step} does not lead from ${start} to ${end}`);
  const count = Math.max(0, Math.ceil((end - start) / step));
  if (count > 1024) throw new CallRefused('the range has more than 1024 values');
  return Array.from({ length: count }, (_, i) => start + i * step);
}

function product(sets: readonly (readonly Value[])[]): Value[] {
  if (sets.length < 2) throw new CallRefused('it takes at least two lists');
  const count = sets.reduce((all, set) => all * set.length, 1);
  if (count > RESULT_MAX) throw new CallRefused(`the product has more than ${RESULT_MAX} elements`);
  return sets.reduce<Value[][]>((all, set) => all.flatMap((row) => set.map((value) => [...row, value])), [[]]);
}
