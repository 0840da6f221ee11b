// clang-format over the C files, by the pinned build of it in node_modules, so that it says the same on every
// machine. Run by `make format`, and with --check by `make test`: then it changes nothing, names the files that
// differ and exits 1. unicode_tables.h is made by a script and left as that writes it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from '@wasm-fmt/clang-format';

const root = fileURLToPath(new URL('../', import.meta.url));
const check = process.argv.includes('--check');
const style = readFileSync(join(root, '.clang-format'), 'utf8');
const differ = [];

for (const folder of ['src', 'wasm', 'tests/c', 'tests/fuzz', 'bench', 'native'])
  for (const name of readdirSync(join(root, folder))) {
    if (!/\.[ch]$/.test(name) || name === 'unicode_tables.h') continue;
    const path = join(root, folder, name);
    const text = readFileSync(path, 'utf8');
    const formatted = format(text, name, style);
    if (formatted === text) continue;
    differ.push(`${folder}/${name}`);
    if (!check) writeFileSync(path, formatted);
  }
if (check && differ.length) {
  console.error(`not as .clang-format has it: ${differ.join(' ')}\n'make format' puts that right.`);
  process.exit(1);
}
