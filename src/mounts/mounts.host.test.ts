import { mountContract } from './mounts.contract.ts';

mountContract('erofs');
mountContract('unpack');
