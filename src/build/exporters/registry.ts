import { invariant, ShaleError } from '../../base/index.ts';
import { copyImage, packedSource, registrySink } from '../../images/index.ts';
import { formatReference, parseReference, type Reference } from '../../oci/index.ts';
import { imageReport, namesOf } from './describe.ts';
import type { ExportContext, Exported, Exporter, Product } from './exporter.ts';
import type { RegistryOutput } from './output.ts';
import { packProduct } from './pack-product.ts';

/** The image in registries, under its names there. What they have is not sent. */
export function registryExporter(output: RegistryOutput): Exporter {
  return {
    title: 'pushing to the registry',
    export: (product, context) => exportToRegistry(output, product, context),
  };
}

async function exportToRegistry(output: RegistryOutput, product: Product, context: ExportContext): Promise<Exported> {
  const { layers, signal, registry } = context;
  const names = namesOf(product, output.names);
  for (const name of names) refuseHubsOwn(parseReference(name));
  const packed = await packProduct(product, output, context);
  const descriptor = packed.index?.descriptor ?? packed.images[0]?.manifest.descriptor;
  invariant(descriptor !== undefined, 'a build makes at least one image');
  invariant(registry !== undefined, 'whoever asks for a push says how registries are spoken to');
  await using source = await packedSource(layers, packed, 'the result of the build');
  for (const name of names) {
    const reference = parseReference(name);
    await using sink = registrySink(output.byDigest ? { ...reference, tag: undefined } : reference, registry);
    await copyImage(source, sink, { platform: 'all', referrers: true, signal });
  }
  const configDigest = packed.index !== undefined ? undefined : packed.images[0]?.config.descriptor.digest;
  return {
    digest: descriptor.digest,
    report: imageReport({ digest: descriptor.digest, configDigest, names, descriptor }),
  };
}

/** What is built here is not what people expect under a name of Docker Hub's own images. */
function refuseHubsOwn(reference: Reference): void {
  if (reference.registry !== 'docker.io' || !reference.repository.startsWith('library/')) return;
  throw new ShaleError('PUSH_REFUSED', `${formatReference(reference)} is a name of Docker Hub's own images`, {
    hint: 'give the image another name with -t; or build it, and then "shale push --force"',
  });
}
