import { existsSync, linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LogKeeping } from '../../runtime/index.ts';
import type { LogSettings } from './types.ts';

/** What a log may take when nobody said: it must not fill the disk. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;
const CURRENT = 'container.log';

/*
 * Rotation. conmon renames a new file over container.log when that has reached its size; nobody else is needed to keep
 * the bound. Before that, container.log.1 is made a second name of the current file, so that the old one stays as that.
 * The keeper then moves the names up and links the new file (`shiftLogs`). When it does not run, the older file stays
 * the one that it was, and the bound holds all the same.
 */

export function logKeepingOf(settings: LogSettings | undefined): LogKeeping {
  if (settings?.driver === 'none') return { kind: 'none' };
  return { kind: 'file', bytesMax: settings?.bytesMax ?? LOG_BYTES_MAX };
}

/** True where older files are kept, so that somebody has to move names up. */
export function keepsOlderLogs(settings: LogSettings | undefined): boolean {
  return settings !== undefined && settings.driver === 'json-file' && (settings.filesMax ?? 1) > 1;
}

/** Gives the current log the name that it will have when it is full. At a start, and after each rotation. */
export function linkOlderLog(stateDir: string, settings: LogSettings | undefined): void {
  if (keepsOlderLogs(settings)) shiftLogs(stateDir, settings?.filesMax ?? 1);
}

/**
 * Where container.log is a new file: moves the older ones' names up by one, drops the last, and links the new one. True
 * when it has moved any. Idempotent; a kill in between loses the oldest at most.
 */
export function shiftLogs(stateDir: string, filesMax: number): boolean {
  const current = join(stateDir, CURRENT);
  const now = statSync(current, { throwIfNoEntry: false });
  if (now === undefined) return false;
  const first = statSync(`${current}.1`, { throwIfNoEntry: false });
  if (first?.ino === now.ino) return false;
  for (let number = filesMax; number >= 1; number--) {
    const path = `${current}.${number}`;
    if (!existsSync(path)) continue;
    // The linked name of the current file counts as the current one.
    if (number >= filesMax) rmSync(path, { force: true });
    else renameSync(path, `${current}.${number + 1}`);
  }
  linkSync(current, `${current}.1`);
  return first !== undefined;
}

/** All files of a log, oldest first. */
export function logFilesOf(stateDir: string): readonly string[] {
  const current = join(stateDir, CURRENT);
  const now = statSync(current, { throwIfNoEntry: false });
  const numbers = readdirSync(stateDir)
    .map((name) => /^container\.log\.(\d{1,4})$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .toSorted((a, b) => b - a);
  const older = numbers
    .map((number) => `${current}.${number}`)
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.ino !== now?.ino);
  return [...older, current];
}
