/** Rectangles whose areas are in the proportion of given values: squarified treemaps (Bruls, Huizing, van Wijk, 2000). */

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * One rectangle for each value, in the same order, filling `area`. Values are positive and sorted, the largest first:
 * rows are laid along the shorter side and closed when one more value would make their rectangles longer than wide.
 */
export function squarify(values: readonly number[], area: Rectangle): Rectangle[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total <= 0 || area.width <= 0 || area.height <= 0) return values.map(() => ({ ...area, width: 0, height: 0 }));
  const scale = (area.width * area.height) / total;
  const placed: Rectangle[] = [];
  let free = area;
  let start = 0;
  while (start < values.length) {
    const side = Math.min(free.width, free.height);
    let end = start + 1;
    let sum = (values[start] ?? 0) * scale;
    let worst = worstRatio(sum, sum, sum, side);
    const largest = sum;
    while (end < values.length) {
      const next = (values[end] ?? 0) * scale;
      const ratio = worstRatio(sum + next, largest, next, side);
      if (ratio > worst) break;
      sum += next;
      worst = ratio;
      end++;
    }
    const last = end === values.length;
    free = placeRow(placed, values.slice(start, end), { free, sum, scale, last });
    start = end;
  }
  return placed;
}

/** Of the rectangles of a row of area `sum` along `side`, how far the least square one is from a square. */
function worstRatio(sum: number, largest: number, smallest: number, side: number): number {
  const square = sum * sum;
  const across = side * side;
  return Math.max((across * largest) / square, square / (across * smallest));
}

interface Row {
  readonly free: Rectangle;
  readonly sum: number;
  readonly scale: number;
  /** The last row takes what rounding left. */
  readonly last: boolean;
}

/** Puts a row at the left or upper edge of what is free. Gives what stays free. */
function placeRow(placed: Rectangle[], values: readonly number[], { free, sum, scale, last }: Row): Rectangle {
  const upright = free.width >= free.height;
  const side = upright ? free.height : free.width;
  const whole = upright ? free.width : free.height;
  const thickness = last ? whole : Math.min(whole, sum / side);
  let along = 0;
  for (const value of values) {
    const length = sum > 0 ? ((value * scale) / sum) * side : 0;
    placed.push(
      upright
        ? { x: free.x, y: free.y + along, width: thickness, height: length }
        : { x: free.x + along, y: free.y, width: length, height: thickness },
    );
    along += length;
  }
  return upright
    ? { ...free, x: free.x + thickness, width: free.width - thickness }
    : { ...free, y: free.y + thickness, height: free.height - thickness };
}

/** What a map is drawn of. */
export interface MapNode<T> {
  readonly bytes: number;
  /** The largest first. */
  readonly children: readonly T[];
}

export interface MapCell<T> {
  readonly node: T;
  readonly area: Rectangle;
  /** 0 for what lies directly in the node that is drawn. */
  readonly depth: number;
  readonly parent: MapCell<T> | undefined;
  /** Whether what it holds is drawn inside it. */
  readonly open: boolean;
}

export interface MapOptions {
  readonly depthMax: number;
  /** Cells of a smaller area are not drawn, nor is what they hold. */
  readonly areaMin: number;
  readonly cellsMax: number;
  /** Height of the line with a cell's name, above what it holds. */
  readonly title: number;
  readonly gap: number;
}

/**
 * The cells of a tree, a parent before its children, those of one parent by size. A cell is opened where there is room for its
 * title and its children; at most `cellsMax` are made, level by level, so that no branch takes the room of another.
 */
export function layoutMap<T extends MapNode<T>>(root: T, area: Rectangle, options: MapOptions): MapCell<T>[] {
  const cells: MapCell<T>[] = [];
  let level: { readonly parent: MapCell<T> | undefined; readonly node: T; readonly area: Rectangle }[] = [
    { parent: undefined, node: root, area },
  ];
  for (let depth = 0; depth < options.depthMax && level.length > 0; depth++) {
    const next: typeof level = [];
    for (const { parent, node, area: room } of level) {
      const children = node.children.filter((child) => child.bytes > 0);
      const areas = squarify(
        children.map((child) => child.bytes),
        room,
      );
      for (const [place, child] of children.entries()) {
        const own = areas[place];
        if (own === undefined || own.width * own.height < options.areaMin) break; // Sorted: the others are smaller.
        if (cells.length >= options.cellsMax) return cells;
        const inner = inside(own, options);
        const open = depth + 1 < options.depthMax && child.children.length > 0 && inner !== undefined;
        const cell: MapCell<T> = { node: child, area: own, depth, parent, open };
        cells.push(cell);
        if (open && inner !== undefined) next.push({ parent: cell, node: child, area: inner });
      }
    }
    level = next;
  }
  return cells;
}

/** The room for children below a cell's title; undefined where there is too little. */
function inside(area: Rectangle, { title, gap }: MapOptions): Rectangle | undefined {
  const width = area.width - 2 * gap;
  const height = area.height - title - gap;
  return width < 36 || height < 20 ? undefined : { x: area.x + gap, y: area.y + title, width, height };
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/** The nearest of some rectangles in a direction from another; undefined where there is none. */
export function neighbour(from: Rectangle, others: readonly Rectangle[], direction: Direction): number | undefined {
  let best: number | undefined;
  let bestDistance = Infinity;
  for (const [place, other] of others.entries()) {
    const { ahead, aside } = gaps(from, other, direction);
    if (ahead < -0.5) continue;
    const distance = ahead + 3 * aside;
    if (distance < bestDistance) [best, bestDistance] = [place, distance];
  }
  return best;
}

/** How far another rectangle begins ahead of the end of this one, and how far their middles are apart across. */
function gaps(from: Rectangle, other: Rectangle, direction: Direction): { ahead: number; aside: number } {
  const overlapX = Math.min(from.x + from.width, other.x + other.width) - Math.max(from.x, other.x);
  const overlapY = Math.min(from.y + from.height, other.y + other.height) - Math.max(from.y, other.y);
  switch (direction) {
    case 'left':
      return { ahead: from.x - (other.x + other.width), aside: Math.max(0, -overlapY) };
    case 'right':
      return { ahead: other.x - (from.x + from.width), aside: Math.max(0, -overlapY) };
    case 'up':
      return { ahead: from.y - (other.y + other.height), aside: Math.max(0, -overlapX) };
    case 'down':
      return { ahead: other.y - (from.y + from.height), aside: Math.max(0, -overlapX) };
  }
}
