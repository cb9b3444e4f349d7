import { Refusal } from '../syntax/diagnostics.ts';
import type { UnsetInstruction } from '../syntax/instructions.ts';
import { splitVariable } from './environment.ts';
import { exposedPorts } from './ports.ts';
import { addHistory, expand, type Scene } from './scene.ts';

/** Takes names out of the config, and of the environment. One that is not there is no fault: bases change. */
export function applyUnset(scene: Scene, instruction: UnsetInstruction): void {
  const { state } = scene;
  const { config } = state;
  const names = instruction.names.map((word) => expand(scene, word));
  switch (instruction.what) {
    case 'env':
      for (const name of names) state.environment.delete(name);
      config.Env = (config.Env ?? []).filter((entry) => !names.includes(splitVariable(entry)[0]));
      break;
    case 'label':
      config.Labels = Object.fromEntries(Object.entries(config.Labels ?? {}).filter(([name]) => !names.includes(name)));
      break;
    case 'volume':
      config.Volumes = (config.Volumes ?? []).filter((path) => !names.includes(path));
      break;
    case 'expose': {
      const ports = names.flatMap((name) => portsOf(name, instruction));
      config.ExposedPorts = (config.ExposedPorts ?? []).filter((port) => !ports.includes(port));
    }
  }
  addHistory(scene, `UNSET ${instruction.what.toUpperCase()} ${names.join(' ')}`);
}

function portsOf(text: string, instruction: UnsetInstruction): readonly string[] {
  const ports = exposedPorts(text);
  if (typeof ports !== 'string') return ports;
  throw new Refusal('PORT', `${JSON.stringify(text)} names no port: ${ports}`, instruction.node);
}
