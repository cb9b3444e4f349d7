import { writeArchive, writeLayoutFolder, type PackedItem } from '../../images/index.ts';
import { invariant } from '../../base/index.ts';
import { imageReport, namesOf } from './describe.ts';
import type { ExportContext, Exported, Exporter, Product } from './exporter.ts';
import { writeOutput } from './output-file.ts';
import type { ArchiveOutput } from './output.ts';
import { packProduct } from './pack-product.ts';

/** An OCI layout or docker archive. The same product and options give the same bytes. */
export function archiveExporter(output: ArchiveOutput): Exporter {
  return {
    title: `exporting to ${output.format === 'oci' ? 'OCI image format' : 'docker image format'}`,
    export: (product, context) => exportArchive(output, product, context),
  };
}

async function exportArchive(output: ArchiveOutput, product: Product, context: ExportContext): Promise<Exported> {
  invariant(!product.isIndex || output.format === 'oci', 'a docker archive holds images of one platform');
  const packed = await packProduct(product, output, context);
  const names = namesOf(product, output.names);
  const items: PackedItem[] =
    names.length === 0 ? [{ ...packed, name: undefined }] : names.map((name) => ({ ...packed, name }));
  if (output.to.kind === 'folder') await writeLayoutFolder(output.to.path, items, context.signal);
  else
    await writeOutput(
      output.to,
      writeArchive(items, { format: output.format, signal: context.signal }),
      context.signal,
    );
  const descriptor = packed.index?.descriptor ?? packed.images[0]?.manifest.descriptor;
  const configDigest = packed.index !== undefined ? undefined : packed.images[0]?.config.descriptor.digest;
  invariant(descriptor !== undefined, 'a build makes at least one image');
  return {
    digest: descriptor.digest,
    report: imageReport({ digest: descriptor.digest, configDigest, names, descriptor }),
  };
}
