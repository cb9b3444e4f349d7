import type { ByteString } from '../../base/index.ts';
import type { ViewNode } from '../../erofs/index.ts';
