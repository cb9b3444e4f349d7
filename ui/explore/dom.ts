/** Elements are made here, and nowhere from HTML: whatever an image says gets into the document as text. */

export type Child = Node | string | undefined;

/** Attributes by name; `undefined` and `false` are left out, `true` is the empty one. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Sets properties of an element's own style; the policy of the page allows it from scripts only. */
export function style<E extends HTMLElement | SVGElement>(
  element: E,
  properties: Readonly<Record<string, string | number>>,
): E {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, String(value));
  return element;
}

export function append(element: Element, children: readonly Child[]): void {
  for (const child of children) if (child !== undefined) element.append(child);
}

export function replace(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child) => child !== undefined));
}

export function on<K extends keyof HTMLElementEventMap, E extends HTMLElement>(
  element: E,
  type: K,
  listener: (event: HTMLElementEventMap[K]) => void,
): E {
  element.addEventListener(type, listener);
  return element;
}

export function button(label: Child, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return on(el('button', { type: 'button', ...attributes }, label), 'click', act);
}

/** A heading of a part of the page, with what belongs to its right. */
export function panel(title: string, attributes: Attributes, ...children: readonly Child[]): HTMLElement {
  const id = `p-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return el(
    'section',
    { ...attributes, class: `panel ${attributes['class'] ?? ''}`, 'aria-labelledby': id },
    el('h2', { id }, title),
    ...children,
  );
}
