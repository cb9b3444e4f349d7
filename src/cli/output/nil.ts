/** Nothing where Go has a type for it: it prints as that type's zero value, is not true, and has no entries. */
export class Nil {
  readonly text: '[]' | 'map[]' | '<nil>';

  constructor(text: Nil['text']) {
    this.text = text;
  }
}
