import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { pageText } from './page-text.ts';

test('the page’s script is JavaScript, and can stand inside HTML with the style', () => {
  const { script, style } = pageText();
  new Script(script);
  assert.doesNotMatch(script, /<\/script|<!--|<script/i);
  assert.doesNotMatch(style, /<\/style|url\(|@import/i);
});

test('the page makes no element from HTML and runs no text', () => {
  const { script } = pageText();
  const forbidden =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|srcdoc|setHTML/;
  assert.doesNotMatch(script, forbidden);
});
