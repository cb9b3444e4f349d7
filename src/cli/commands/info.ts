import { SHALE_VERSION } from '../../base/index.ts';
import type { SystemInfo } from '../../engine/index.ts';
import { type Level, type Standing, standingOf } from '../../privilege/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { binarySize } from '../output/human.ts';
import { compileTemplate } from '../output/template.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'What is in the store and what this machine is; "shale doctor" says what it lacks.',
  flags: [
    { kind: 'text', name: 'format', short: 'f', value: 'FORMAT', summary: 'json, or a Go template as "{{.Images}}"' },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: "shale info --format '{{.ContainersRunning}}'", says: 'one value' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const format = flags.text('format');
  const engine = await context.engine();
  const info = infoJson(await engine.info());
  if (format === undefined) return await context.stdout.write(formatInfo(info));
  const text = format === 'json' ? JSON.stringify(info) : compileTemplate(format).render(info);
  await context.stdout.write(`${text}\n`);
}

/** See `Level` of `privilege`: this command is inside a user namespace where one can be made. */
const LEVELS: Readonly<Record<Standing, Level>> = { root: 'root', inside: 'user namespace', outside: 'plain' };

/** Docker's names, as far as they mean something here. */
function infoJson(info: SystemInfo): Record<string, string | number> {
  const { running, paused, stopped } = info.containers;
  return {
    Containers: running + paused + stopped,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: stopped,
    Images: info.images,
    ServerVersion: SHALE_VERSION,
    Driver: 'overlay',
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: info.cgroupVersion,
    DefaultRuntime: info.runtime === undefined ? '' : `${info.runtime.name} ${info.runtime.version}`,
    KernelVersion: info.kernel,
    OperatingSystem: info.operatingSystem,
    OSType: 'linux',
    Architecture: info.architecture,
    NCPU: info.cpus,
    MemTotal: info.memoryBytes,
    Name: info.hostname,
    DockerRootDir: info.home,
    Level: LEVELS[standingOf()],
  };
}

function formatInfo(info: Record<string, string | number>): string {
  const line = (title: string, name: string): string => `${title}: ${info[name]}\n`;
  return [
    line('Containers', 'Containers'),
    line(' Running', 'ContainersRunning'),
    line(' Paused', 'ContainersPaused'),
    line(' Stopped', 'ContainersStopped'),
    line('Images', 'Images'),
    line('Server Version', 'ServerVersion'),
    line('Storage Driver', 'Driver'),
    line('Logging Driver', 'LoggingDriver'),
    line('Cgroup Driver', 'CgroupDriver'),
    line('Cgroup Version', 'CgroupVersion'),
    line('Default Runtime', 'DefaultRuntime'),
    line('Kernel Version', 'KernelVersion'),
    line('Operating System', 'OperatingSystem'),
    line('OSType', 'OSType'),
    line('Architecture', 'Architecture'),
    line('CPUs', 'NCPU'),
    `Total Memory: ${binarySize(Number(info['MemTotal']))}\n`,
    line('Name', 'Name'),
    line('Store', 'DockerRootDir'),
    line('Level', 'Level'),
  ].join('');
}
