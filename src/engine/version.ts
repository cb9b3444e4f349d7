import pkg from '../../package.json' with { type: 'json' };

/** The version of this shale, as packages and history entries name it. */
export const SHALE_VERSION: string = pkg.version;
