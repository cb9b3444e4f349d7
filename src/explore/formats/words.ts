import { humanSize } from '../../base/index.ts';
import type { ExplorationReport, ExploredLayer } from '../types.ts';

/** `97.3 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `12.3s`, `2m5s`; a blank for none. */
export function seconds(value: number): string {
  if (value === 0) return '';
  if (value < 100) return `${value.toFixed(1)}s`;
  return `${Math.floor(value / 60)}m${Math.round(value % 60)}s`;
}

/** At most so many characters, on one line and without control characters. */
export function shortText(text: string, max: number): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
  const characters = Array.from(line);
  return characters.length <= max ? line : `${characters.slice(0, max - 1).join('')}…`;
}

/** A row for each layer: what every face says of one in a line. */
export interface LayerRow {
  readonly number: number;
  readonly size: string;
  /** Of its bytes: those that no container sees. */
  readonly wasted: string;
  readonly files: number;
  readonly time: string;
  /** `cached`, `ran`, a base's name; empty where nothing is known. */
  readonly from: string;
  readonly text: string;
}

export function layerRow(report: ExplorationReport, layer: ExploredLayer): LayerRow {
  const instruction = layer.instruction === undefined ? undefined : report.instructions[layer.instruction];
  const step = report.build?.steps.find((one) => one.layer === layer.number);
  const base = layer.base === undefined ? undefined : report.image.bases[layer.base]?.name;
  const lost = layer.metadataOnly.bytes + layer.rewritten.bytes + layer.hiddenLater.bytes;
  return {
    number: layer.number,
    size: humanSize(layer.tarBytes),
    wasted: lost === 0 ? '' : humanSize(lost),
    files: layer.content.files,
    time: seconds(step?.seconds ?? 0),
    from: base ?? step?.outcome ?? '',
    text: instruction?.text ?? '',
  };
}
