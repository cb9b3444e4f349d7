/** Small streams in forms that Node does not write. */
export const bzip2: Buffer = Buffer.from(
  'QlpoOTFBWSZTWSFs0UsAAGYRgEAAYQACECAAMMAClQyaIvHRF7BFgi0RfF3JFOFCQIWzRSw=',
  'base64',
);
export const xz: Buffer = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ARLABNdADDunmY6n4+av6VXDFmfG8VfkAAAACD0y0usiBkFAAEvzAgAAAALTv7cscRn+wIAAAAABFla',
  'base64',
);
