/** The release; `package.json` says the same, and a test holds them together. */
export const SHALE_VERSION = '0.1.0';
