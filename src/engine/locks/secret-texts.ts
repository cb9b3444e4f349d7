/** Secrets as they may stand in an address: whole, and line by line. */
export function secretTexts(secrets: readonly Uint8Array[]): string[] {
  const texts = secrets.flatMap((secret) => {
    const whole = Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength).toString().trim();
    return [whole, ...whole.split(/\r?\n/).map((line) => line.trim())];
  });
  return [...new Set(texts)].filter((text) => text !== '');
}
