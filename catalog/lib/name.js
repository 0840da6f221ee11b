// What the person types to run the command, for every sentence that names one: npm's `kin` is somebody else's.
import { relative } from 'node:path';

const script = process.argv[1] ?? '';

// In a checkout the script itself, seen from where the person is; installed, the package's name.
export const kin = /[\\/]catalog[\\/]cli\.js$/.test(script) ? `node ${relative('', script)}` : 'npx kin-clip';
