import type { TreeName } from '../../../src/web/index.ts';
import { type App, layerOf } from '../app.ts';
import { button, el, on, style } from '../dom.ts';
import { instruction, layerColour, layerMark, layerTitle } from '../parts.ts';
import { sizeText } from '../text.ts';

/** The list that chooses whose files are shown: those of the whole image, or of one layer. */
export class ScopeList {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #items: { readonly layer: number | undefined; readonly button: HTMLButtonElement }[];

  constructor(app: App) {
    this.#app = app;
    const { report } = app.source.data;
    const whole = this.#item(undefined, el('span', { class: 'whole' }, 'All layers'), report.totals.visible.bytes);
    this.#items = [
      { layer: undefined, button: whole },
      ...report.layers.map((layer) => ({
        layer: layer.number,
        button: this.#item(
          layer.number,
          el(
            'span',
            { class: 'scope-name', title: layerTitle(report, layer) },
            layerMark(layer.number),
            instruction(layerTitle(report, layer)),
          ),
          layer.content.bytes,
        ),
      })),
    ];
    this.element = on(
      el('nav', { class: 'scopes', 'aria-label': 'Whose files' }, ...this.#items.map((item) => item.button)),
      'keydown',
      (event) => this.#move(event),
    );
  }

  show(tree: TreeName): void {
    const chosen = layerOf(tree);
    for (const item of this.#items) {
      const isChosen = item.layer === chosen;
      item.button.tabIndex = isChosen ? 0 : -1;
      if (isChosen) item.button.setAttribute('aria-current', 'true');
      else item.button.removeAttribute('aria-current');
    }
  }

  #item(layer: number | undefined, name: HTMLElement, bytes: number): HTMLButtonElement {
    const item = button(name, () => this.#app.go({ tree: layer === undefined ? 'merged' : `changes-${layer}` }), {
      class: 'scope',
    });
    item.append(el('span', { class: 'number dim' }, sizeText(bytes)));
    return style(item, layer === undefined ? {} : { '--colour': layerColour(layer) });
  }

  #move(event: KeyboardEvent): void {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const at = this.#items.findIndex((item) => item.button === document.activeElement);
    const next = this.#items[at + step];
    if (step === 0 || at === -1 || next === undefined) return;
    event.preventDefault();
    next.button.focus();
    next.button.click();
  }
}
