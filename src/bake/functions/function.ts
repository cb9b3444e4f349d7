import { booleanOf, isList, isMap, kindOf, numberOf, textOf, type Value, type ValueMap } from '../value.ts';

/** What is wrong with the arguments of a call; the caller knows the place. */
export class CallRefused extends Error {}

/** What a parameter takes. `any?` takes null too. */
export type Parameter = 'string' | 'number' | 'boolean' | 'list' | 'map' | 'any' | 'any?';

interface Taken {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly list: readonly Value[];
  readonly map: ValueMap;
  readonly any: Value;
  readonly 'any?': Value;
}

type TakenAll<P extends readonly Parameter[]> = { readonly [I in keyof P]: Taken[P[I]] };

/** A function of the expression language. */
export interface BakeFunction {
  readonly parameters: readonly Parameter[];
  /** What further arguments must be; absent: there are none. */
  readonly rest?: Parameter;
  /** @throws CallRefused */
  readonly call: (args: readonly Value[]) => Value;
}

/** A function of fixed parameters. Its arguments come converted, as HCL converts them: numbers to strings and back. */
export function fixed<const P extends readonly Parameter[]>(
  parameters: P,
  call: (...args: TakenAll<P>) => Value,
): BakeFunction {
  return { parameters, call: (args) => call(...(convertAll(parameters, undefined, args) as unknown as TakenAll<P>)) }; // As converted.
}

/** A function whose last parameter may be given any number of times. */
export function variadic<const P extends readonly Parameter[], R extends Parameter>(
  parameters: P,
  rest: R,
  call: (args: TakenAll<P>, rest: readonly Taken[R][]) => Value,
): BakeFunction {
  return {
    parameters,
    rest,
    call: (args) => {
      const converted = convertAll(parameters, rest, args);
      const count = parameters.length;
      return call(converted.slice(0, count) as unknown as TakenAll<P>, converted.slice(count) as Taken[R][]); // As converted.
    },
  };
}

/** The arguments as the parameters want them. @throws CallRefused */
function convertAll(parameters: readonly Parameter[], rest: Parameter | undefined, args: readonly Value[]): unknown[] {
  if (args.length < parameters.length || (rest === undefined && args.length > parameters.length)) {
    const wanted = `${rest === undefined ? '' : 'at least '}${parameters.length}`;
    throw new CallRefused(`it takes ${wanted} argument${parameters.length === 1 ? '' : 's'}, not ${args.length}`);
  }
  return args.map((value, i) => convert(value, parameters[i] ?? rest ?? 'any?', i));
}

const NAMES = { string: 'a string', number: 'a number', boolean: 'true or false', list: 'a list', map: 'an object' };

function convert(value: Value, parameter: Parameter, index: number): unknown {
  if (parameter === 'any?') return value;
  if (parameter === 'any') {
    if (value === null) throw new CallRefused(`argument ${index + 1} is null`);
    return value;
  }
  const converted = conversionOf(value, parameter);
  if (converted === undefined)
    throw new CallRefused(`argument ${index + 1} is ${kindOf(value)}, expected ${NAMES[parameter]}`);
  return converted;
}

function conversionOf(value: Value, parameter: Exclude<Parameter, 'any' | 'any?'>): Value | undefined {
  switch (parameter) {
    case 'string':
      return textOf(value);
    case 'number':
      return numberOf(value);
    case 'boolean':
      return booleanOf(value);
    case 'list':
      return isList(value) ? value : undefined;
    case 'map':
      return isMap(value) ? value : undefined;
  }
}

/** A whole number in a range. @throws CallRefused */
export function whole(value: number, what: string, min: number = -Infinity, max: number = Infinity): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const range = min === -Infinity ? 'a whole number' : `a whole number from ${min} on`;
  throw new CallRefused(`${what} is ${value}, expected ${max === Infinity ? range : `${range} to ${max}`}`);
}

/** The elements as strings. @throws CallRefused */
export function texts(list: readonly Value[]): string[] {
  return list.map((value) => {
    const text = textOf(value);
    if (text === undefined) throw new CallRefused(`the list has an element that is ${kindOf(value)}, expected strings`);
    return text;
  });
}
