import type { ExploredBuild, ExploredInstruction, ExploredStep } from '../../../src/explore/index.ts';
import type { App, View } from '../app.ts';
import { button, el, panel, style, svg } from '../dom.ts';
import { type Placed, placeGraph } from '../graph-layout.ts';
import { badge, instruction, layerMark, nothing, table } from '../parts.ts';
import { countText, timeText, visibleName } from '../text.ts';

const OUTCOMES: Readonly<Record<ExploredStep['outcome'], string>> = {
  ran: 'ran',
  cached: 'cached',
  base: 'was there',
  failed: 'failed',
  canceled: 'cancelled',
};

/** Pixels of a step in the drawing of the graph. */
const BOX = { width: 190, height: 44, gapX: 54, gapY: 14, margin: 12 } as const;

/** How the image was built: when each step ran, why, and what it needed. */
export function build(app: App): View {
  const { build: record, instructions } = app.source.data.report;
  if (record === undefined) {
    return {
      element: el(
        'div',
        { class: 'stack' },
        panel(
          'Build',
          {},
          nothing('This store has no record of a build of this image: times and reasons are not known.'),
        ),
        panel('History', {}, historyTable(app, instructions)),
      ),
    };
  }
  const chosen = el('div', { class: 'chosen-step', 'aria-live': 'polite' });
  const choose = (step: ExploredStep): void => chosen.replaceChildren(stepFacts(app, step));
  return {
    element: el(
      'div',
      { class: 'stack' },
      panel('Timeline', {}, summary(record), timeline(record, choose)),
      panel('The chosen step', { class: 'quiet' }, chosen),
      panel('What needs what', {}, graph(record, choose)),
      panel('History', {}, historyTable(app, instructions)),
    ),
  };
}

function summary(record: ExploredBuild): HTMLElement {
  const count = (outcome: ExploredStep['outcome']): number =>
    record.steps.filter((step) => step.outcome === outcome).length;
  const [ran, cached] = [count('ran'), count('cached')];
  return el(
    'p',
    { class: 'dim' },
    `Build ${record.id}, ${new Date(record.startedMs).toISOString().slice(0, 16).replace('T', ' ')} UTC: ${timeText(record.seconds * 1000)}, `,
    `of which the longest chain took ${timeText(record.criticalSeconds * 1000)}. ${countText(ran)} ran, ${countText(cached)} from the cache.`,
    record.isDockerfileSame ? undefined : ' The Dockerfile is another by now: its lines are not told.',
  );
}

function timeline(record: ExploredBuild, choose: (step: ExploredStep) => void): HTMLElement {
  const whole = Math.max(record.seconds * 1000, 1);
  const rows = record.steps.map((step) => {
    const start = step.startedMs === undefined ? 0 : Math.max(0, step.startedMs - record.startedMs);
    const row = button(undefined, () => choose(step), {
      class: `time-row outcome-${step.outcome}`,
      'aria-label': `${visibleName(step.name)}: ${OUTCOMES[step.outcome]}, ${timeText(step.seconds * 1000)}. ${visibleName(step.reason)}`,
      title: visibleName(step.reason),
    });
    row.append(
      el(
        'span',
        { class: 'time-name' },
        step.stage === undefined ? undefined : badge(visibleName(step.stage)),
        instruction(withoutStage(step.name)),
      ),
      el(
        'span',
        { class: 'time-track' },
        style(el('span', { class: `time-bar ${step.isCritical ? 'critical' : ''}` }), {
          left: `${Math.min(99.5, (start / whole) * 100)}%`,
          width: `${Math.max(0.4, Math.min(100, ((step.seconds * 1000) / whole) * 100))}%`,
        }),
      ),
      el(
        'span',
        { class: 'number' },
        step.outcome === 'ran' || step.outcome === 'failed' ? timeText(step.seconds * 1000) : OUTCOMES[step.outcome],
      ),
    );
    return el('li', {}, row);
  });
  return el('ol', { class: 'timeline', 'aria-label': 'Steps of the build' }, ...rows);
}

/** `[build 2/4] RUN make` without what stands in brackets. */
function withoutStage(name: string): string {
  return name.replace(/^\[[^\]]*\]\s*/, '');
}

function stepFacts(app: App, step: ExploredStep): HTMLElement {
  const { layer } = step;
  return el(
    'div',
    {},
    el('p', {}, badge(OUTCOMES[step.outcome], `outcome-${step.outcome}`), ' ', instruction(withoutStage(step.name))),
    el('p', {}, visibleName(step.reason)),
    step.changes.length === 0
      ? undefined
      : table({
          label: 'What differs from the nearest earlier run',
          rows: step.changes,
          columns: [
            { title: 'input', cell: ({ input }) => visibleName(input) },
            { title: 'before', cell: ({ before }) => el('code', {}, visibleName(before ?? '–')) },
            { title: 'now', cell: ({ after }) => el('code', {}, visibleName(after ?? '–')) },
          ],
        }),
    step.line === undefined
      ? undefined
      : el('p', { class: 'dim' }, `${visibleName(step.line.file)}, line ${step.line.first}`),
    layer === undefined
      ? undefined
      : button('Files of its layer', () => app.go({ tab: 'files', tree: `changes-${layer}`, path: '' }), {
          class: 'more',
        }),
  );
}

function graph(record: ExploredBuild, choose: (step: ExploredStep) => void): HTMLElement {
  const { steps } = record;
  const byNumber = new Map(steps.map((step, place) => [step.number, place]));
  const nodes = steps.map((step) => ({ inputs: step.needs.flatMap((number) => byNumber.get(number) ?? []) }));
  const layout = placeGraph(nodes);
  const at = ({ column, row }: Placed): Point => ({
    x: BOX.margin + column * (BOX.width + BOX.gapX),
    y: BOX.margin + row * (BOX.height + BOX.gapY),
  });
  const places = layout.nodes.map(at);
  const all = [...places, ...layout.routes.flatMap(({ through }) => through.map(at))];
  const width = Math.max(...all.map(({ x }) => x), 0) + BOX.width + BOX.margin;
  const height = Math.max(...all.map(({ y }) => y), 0) + BOX.height + BOX.margin;
  const edges = layout.routes.map(({ from, to, through }) => {
    const isCritical = steps[from]?.isCritical === true && steps[to]?.isCritical === true;
    const [start, end] = [places[from] ?? { x: 0, y: 0 }, places[to] ?? { x: 0, y: 0 }];
    return svg('path', {
      class: isCritical ? 'edge critical' : 'edge',
      d: routePath([start, ...through.map(at), end]),
    });
  });
  const boxes = steps.map((step, place) => {
    const point = places[place] ?? { x: 0, y: 0 };
    const box = button(undefined, () => choose(step), {
      class: `graph-box outcome-${step.outcome} ${step.isCritical ? 'critical' : ''}`,
      title: visibleName(step.name),
      'aria-label': `${visibleName(step.name)}: ${OUTCOMES[step.outcome]}${needsText(step, steps)}`,
    });
    box.append(
      el('span', { class: 'cut' }, instruction(withoutStage(step.name))),
      el(
        'small',
        {},
        [
          step.stage === undefined ? '' : `${visibleName(step.stage)} · `,
          step.outcome === 'ran' ? timeText(step.seconds * 1000) : OUTCOMES[step.outcome],
        ].join(''),
      ),
    );
    return style(box, {
      left: `${point.x}px`,
      top: `${point.y}px`,
      width: `${BOX.width}px`,
      height: `${BOX.height}px`,
    });
  });
  const drawing = svg('svg', { width, height, 'aria-hidden': 'true' }, ...edges);
  const sheet = style(el('div', { class: 'graph-sheet' }), { width: `${width}px`, height: `${height}px` });
  sheet.append(drawing, ...boxes);
  return el(
    'div',
    { class: 'graph scroll-x', role: 'group', 'aria-label': 'Steps, each right of what it needs' },
    sheet,
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** From the right side of the first box to the left side of the last, straight through the columns between. */
function routePath(points: readonly Point[]): string {
  const middle = BOX.height / 2;
  const [first, ...others] = points;
  if (first === undefined) return '';
  const parts = [`M ${first.x + BOX.width} ${first.y + middle}`];
  let from = { x: first.x + BOX.width, y: first.y + middle };
  for (const [place, { x, y }] of others.entries()) {
    const bend = (x - from.x) / 2;
    parts.push(`C ${from.x + bend} ${from.y}, ${x - bend} ${y + middle}, ${x} ${y + middle}`);
    from = { x: x + BOX.width, y: y + middle };
    if (place < others.length - 1) parts.push(`L ${from.x} ${from.y}`);
  }
  return parts.join(' ');
}

function needsText({ needs }: ExploredStep, steps: readonly ExploredStep[]): string {
  const names = steps.filter(({ number }) => needs.includes(number)).map(({ name }) => visibleName(name));
  return names.length === 0 ? '' : `. Needs ${names.join('; ')}`;
}

function historyTable(app: App, instructions: readonly ExploredInstruction[]): HTMLElement {
  const { report } = app.source.data;
  if (instructions.length === 0) return nothing('The image has no history.');
  return table<ExploredInstruction>({
    label: 'History of the image, the oldest first',
    rows: instructions,
    columns: [
      {
        title: 'layer',
        cell: ({ layer }) => (layer === undefined ? el('span', { class: 'dim' }, '–') : layerMark(layer)),
      },
      { title: 'instruction', class: 'grow', cell: ({ text }) => instruction(text) },
      { title: 'line', isNumber: true, cell: ({ line }) => (line === undefined ? '–' : String(line.first)) },
      {
        title: 'from',
        cell: ({ base }) => {
          const name = base === undefined ? undefined : report.image.bases[base]?.name;
          return name === undefined ? el('span', { class: 'dim' }, 'this image') : visibleName(name);
        },
      },
      { title: 'created', cell: ({ created }) => visibleName(created?.slice(0, 19).replace('T', ' ') ?? '–') },
    ],
  });
}
