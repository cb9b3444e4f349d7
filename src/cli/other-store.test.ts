import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShaleError } from '../base/index.ts';
import { otherStoreNote } from './other-store.ts';

const missing = new ShaleError('IMAGE_NOT_FOUND', 'there is no image x in the store');
const all = (): boolean => true;

describe('otherStoreNote()', () => {
  test("tells a person of root's store, and root of that of the person behind sudo", () => {
    assert.match(otherStoreNote(missing, { uid: 1000, env: {} }, all) ?? '', /root's store .* use sudo/);
    const places: string[] = [];
    const look = (path: string): boolean => places.push(path) > 0;
    assert.match(
      otherStoreNote(missing, { uid: 0, env: { SUDO_USER: 'me' } }, look) ?? '',
      /store of me .* use no sudo/,
    );
    otherStoreNote(missing, { uid: 0, env: { SUDO_USER: 'me', SUDO_HOME: '/people/me' } }, look);
    assert.deepEqual(places, ['/home/me/.local/share/shale', '/people/me/.local/share/shale']);
  });

  test('says nothing where there is no other store, one was named, or something else is wrong', () => {
    assert.equal(
      otherStoreNote(missing, { uid: 1000, env: {} }, () => false),
      undefined,
    );
    assert.equal(otherStoreNote(missing, { uid: 1000, env: { SHALE_HOME: '/s' } }, all), undefined);
    assert.equal(otherStoreNote(missing, { uid: 0, env: {} }, all), undefined);
    assert.equal(otherStoreNote(missing, { uid: 0, env: { SUDO_USER: '../x' } }, all), undefined);
    assert.equal(otherStoreNote(new Error('x'), { uid: 1000, env: {} }, all), undefined);
  });
});
