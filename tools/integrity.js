// Writes dist/integrity.json: the SHA-384 of every packed file that a page loads, as Subresource Integrity has it, by its path
// in the package: { "web/index.js": "sha384-…", … }. Run by `make all` and before packing.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const listed = readFileSync(new URL('tools/packed.txt', root), 'utf8').trim().split('\n');
const loaded = listed.filter((path) => /^(?:web|labels|models\/kin-everyday)\/.*\.(?:js|wasm|json|txt|css|safetensors)$/.test(path) && !path.includes('.node.'));
const hash = (path) => `sha384-${createHash('sha384').update(readFileSync(new URL(path, root))).digest('base64')}`;
writeFileSync(new URL('dist/integrity.json', root), `${JSON.stringify(Object.fromEntries(loaded.map((path) => [path, hash(path)])), null, 1)}\n`);
