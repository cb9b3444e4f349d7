import { applyCopy } from './copy.ts';
import { healthcheckText, plainList } from './history.ts';
import {
  applyArg,
  applyCommand,
  applyEnv,
  applyExpose,
  applyLabel,
  applyStopSignal,
  applyVolume,
  applyWorkdir,
} from './metadata.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import { applySquash } from './squash.ts';
import { applyUnset } from './unset.ts';
import { applyRun } from './run.ts';
import { addHistory, expand, type Scene } from './scene.ts';

/**
 * Carries one command out on the state of its stage: graph, config, environment and history.
 * @throws Refusal
 */
export function applyInstruction(scene: Scene): void {
  const { state, command } = scene;
  const { instruction } = command;
  switch (instruction.kind) {
    case 'arg':
      return applyArg(scene, instruction);
    case 'env':
      return applyEnv(scene, instruction);
    case 'run':
      return applyRun(scene, instruction);
    case 'copy':
    case 'add':
      return applyCopy(scene, instruction);
    case 'workdir':
      return applyWorkdir(scene, instruction);
    case 'cmd':
    case 'entrypoint':
      return applyCommand(scene, instruction);
    case 'label':
      return applyLabel(scene, instruction);
    case 'expose':
      return applyExpose(scene, instruction);
    case 'volume':
      return applyVolume(scene, instruction);
    case 'stopsignal':
      return applyStopSignal(scene, instruction);
    case 'maintainer':
      state.image.author = instruction.maintainer;
      return addHistory(scene, `MAINTAINER ${instruction.maintainer}`);
    case 'user':
      state.config.User = expand(scene, instruction.user);
      return addHistory(scene, `USER ${state.config.User}`);
    case 'shell':
      state.config.Shell = instruction.shell;
      return addHistory(scene, `SHELL ${plainList(instruction.shell)}`);
    case 'healthcheck':
      state.config.Healthcheck = instruction.healthcheck;
      return addHistory(scene, healthcheckText(instruction.healthcheck));
    case 'unset':
      return applyUnset(scene, instruction);
    case 'squash':
      return applySquash(scene, instruction);
    case 'include':
      throw new Refusal('INCLUDE', 'INCLUDE is followed by builds only', instruction.node);
    case 'onbuild':
      state.config.OnBuild = [...(state.config.OnBuild ?? []), instruction.expression];
  }
}
