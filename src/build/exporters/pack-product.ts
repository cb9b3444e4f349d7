import { packImage, packIndex, type PackedImage, type PackedItem, type Packing } from '../../images/index.ts';
import { documentAnnotations, imageAnnotations } from './describe.ts';
import type { ExportContext, Product } from './exporter.ts';
import type { Annotation } from './output.ts';

/** What leaves the store of a product: its images packed, and an index over them where several platforms or attestations beside the image were asked for. */
export async function packProduct(
  product: Product,
  about: { readonly packing: Packing; readonly annotations: readonly Annotation[] },
  { layers, signal }: ExportContext,
): Promise<Pick<PackedItem, 'images' | 'index'>> {
  const { packing, annotations } = about;
  const { attestationStyle } = product;
  const images: PackedImage[] = [];
  for (const image of product.images) {
    const own = imageAnnotations(annotations, image.platform);
    images.push(await packImage(layers, image, { attestationStyle, ...packing, annotations: own, signal }));
  }
  if (!product.isIndex && images.every(({ beside }) => beside.length === 0)) return { images };
  const { mediaTypes } = packing;
  return { images, index: packIndex(images, { mediaTypes, ...documentAnnotations(annotations) }) };
}
