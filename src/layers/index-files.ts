import { closeSync, copyFileSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { isSystemError, ShaleError } from '../base/index.ts';
import { TarParser } from '../archive/index.ts';
import { IndexBuilder, openIndex, type BuiltIndex } from '../erofs/index.ts';
