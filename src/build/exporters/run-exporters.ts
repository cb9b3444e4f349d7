import { messageOf, type Json } from '../../base/index.ts';
import type { ProgressEvent } from '../../graph/index.ts';
import type { Digest } from '../../oci/index.ts';
import { archiveExporter } from './archive.ts';
import type { ExportContext, Exporter, ExportReport, Product } from './exporter.ts';
import { localExporter, tarExporter } from './files.ts';
import { imageExporter } from './image.ts';
import type { Output } from './output.ts';
import { registryExporter } from './registry.ts';

export interface ExportOptions extends ExportContext {
  readonly emit: (event: ProgressEvent) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The numbers that progress shows, one after the other. */
  readonly nextNumber: () => number;
}

export interface ExportsDone {
  /** What stands for the product: the image's digest, or the index's; that of the store where it went there. */
  readonly digest: Digest | undefined;
  /** Under buildx's names; of several outputs the last one counts, and the store, which has no manifest, last of all. */
  readonly metadata: Readonly<Record<string, Json>>;
}

/** The exporters of outputs: the store comes last, so that a name moves only when all else went well. */
export function exportersOf(outputs: readonly Output[]): Exporter[] {
  const isStore = ({ kind }: Output): boolean => kind === 'image';
  return [...outputs.filter((output) => !isStore(output)), ...outputs.filter(isStore)].map(exporterOf);
}

function exporterOf(output: Output): Exporter {
  switch (output.kind) {
    case 'image':
      return imageExporter(output);
    case 'registry':
      return registryExporter(output);
    case 'archive':
      return archiveExporter(output);
    case 'tar':
      return tarExporter(output);
    case 'local':
      return localExporter(output);
  }
}

/** Gives a product out, one exporter after the other. */
export async function runExporters(
  exporters: readonly Exporter[],
  product: Product,
  options: ExportOptions,
): Promise<ExportsDone> {
  const { layers, signal, warn, registry } = options;
  const context: ExportContext = { layers, signal, warn, registry };
  let digest: Digest | undefined;
  let metadata: Record<string, Json> = {};
  for (const exporter of exporters) {
    const exported = await told(exporter, options, () => exporter.export(product, context));
    digest = exported.digest ?? digest;
    metadata = joined(metadata, exported.report);
  }
  return { digest, metadata };
}

/** What has a descriptor names what was given away, and its digest stays that of the descriptor. */
function joined(metadata: ExportReport, report: ExportReport): Record<string, Json> {
  const hasDescriptor = (one: ExportReport): boolean => 'containerimage.descriptor' in one;
  if (hasDescriptor(metadata) && !hasDescriptor(report)) return { ...report, ...metadata };
  return { ...metadata, ...report };
}

/** Does work with a step of progress around it. */
async function told<T>(
  { title }: Pick<Exporter, 'title'>,
  { emit, now, nextNumber }: ExportOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (title === undefined) return work();
  const number = nextNumber();
  const id = `export/${number}`;
  emit({ kind: 'vertex-started', id, number, name: title, time: now() });
  try {
    const result = await work();
    emit({ kind: 'vertex-done', id, cached: false, time: now() });
    return result;
  } catch (error) {
    emit({ kind: 'vertex-error', id, message: messageOf(error), time: now() });
    throw error;
  }
}
