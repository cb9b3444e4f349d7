/** Where the steps of a build are drawn: each right of all that it needs, by Sugiyama’s method. */

export interface GraphNode {
  /** Places in the list. */
  readonly inputs: readonly number[];
}

export interface Placed {
  /** 0 for what needs nothing. */
  readonly column: number;
  /** In its column, from the top. */
  readonly row: number;
}

/** From a node to one that needs it. */
export interface Route {
  readonly from: number;
  readonly to: number;
  /** Where it passes through the columns between the two: no node stands there. */
  readonly through: readonly Placed[];
}

export interface GraphLayout {
  readonly nodes: readonly Placed[];
  readonly routes: readonly Route[];
}

/** Passes that put nodes near what they are joined with. */
const PASSES = 6;

/**
 * A place for each node, and a way for each input. Inputs that are not earlier in the list are ignored. A column is one more
 * than the furthest of the inputs, or just before what alone needs it; a way that passes columns takes a row in each.
 */
export function placeGraph(nodes: readonly GraphNode[]): GraphLayout {
  const inputs = nodes.map((node, place) => [...new Set(node.inputs)].filter((input) => input >= 0 && input < place));
  const columns = columnsOf(inputs);
  // Points are nodes and, after them, what stands for a way in a column.
  const joined: number[][] = nodes.map(() => []);
  const columnOfPoint = [...columns];
  const ways = inputs.flatMap((own, to) =>
    own.map((from) => {
      const points: number[] = [];
      for (let column = (columns[from] ?? 0) + 1; column < (columns[to] ?? 0); column++) {
        points.push(columnOfPoint.push(column) - 1);
        joined.push([]);
      }
      for (const [a, b] of pairs([from, ...points, to])) {
        joined[a]?.push(b);
        joined[b]?.push(a);
      }
      return { from, to, points };
    }),
  );
  const rows = rowsOf(columnOfPoint, joined);
  const placed = (point: number): Placed => ({ column: columnOfPoint[point] ?? 0, row: rows[point] ?? 0 });
  return {
    nodes: nodes.map((_, place) => placed(place)),
    routes: ways.map(({ from, to, points }) => ({ from, to, through: points.map(placed) })),
  };
}

function columnsOf(inputs: readonly (readonly number[])[]): number[] {
  const columns: number[] = [];
  for (const own of inputs) columns.push(own.reduce((column, input) => Math.max(column, (columns[input] ?? 0) + 1), 0));
  const users: number[][] = inputs.map(() => []);
  for (const [place, own] of inputs.entries()) for (const input of own) users[input]?.push(place);
  for (let place = inputs.length - 1; place >= 0; place--) {
    const nearest = Math.min(...(users[place] ?? []).map((user) => columns[user] ?? 0));
    if (nearest !== Infinity) columns[place] = nearest - 1;
  }
  return columns;
}

function pairs(points: readonly number[]): [number, number][] {
  return points.slice(1).map((point, place) => [points[place] ?? point, point]);
}

/** Rows of points, so that what is joined in neighbouring columns is near. */
function rowsOf(columns: readonly number[], joined: readonly (readonly number[])[]): number[] {
  const byColumn: number[][] = [];
  for (const [point, column] of columns.entries()) (byColumn[column] ??= []).push(point);
  const rows = columns.map(() => 0);
  for (const column of byColumn) for (const [row, point] of column.entries()) rows[point] = row;
  for (let pass = 0; pass < PASSES; pass++) {
    const step = pass % 2 === 0 ? -1 : 1;
    for (const column of step === -1 ? byColumn : byColumn.toReversed()) {
      const weights = new Map(
        column.map((point) => {
          const others = (joined[point] ?? []).filter((other) => columns[other] === (columns[point] ?? 0) + step);
          const sum = others.reduce((all, other) => all + (rows[other] ?? 0), 0);
          return [point, others.length === 0 ? (rows[point] ?? 0) : sum / others.length];
        }),
      );
      column.sort((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0) || a - b);
      for (const [row, point] of column.entries()) rows[point] = row;
    }
  }
  return rows;
}
