import { accessSync, constants } from 'node:fs';

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** What helpers get of our environment: where programs are. */
export const HELPER_ENV: NodeJS.ProcessEnv = {
  PATH: [process.env['PATH'] ?? '', ...FOLDERS].filter((folder) => folder !== '').join(':'),
  LC_ALL: 'C',
};

/** The path of a program in PATH or the usual folders. */
export function findProgram(name: string): string | undefined {
  return (HELPER_ENV['PATH'] ?? '')
    .split(':')
    .map((folder) => `${folder}/${name}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return path.startsWith('/');
      } catch {
        return false;
      }
    });
}
