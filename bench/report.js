// What a run prints and writes: the machine, and one table a job. bench/RESULTS.md keeps the last run's
// answer of every job, so that a run with ONLY= replaces only what it measured anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const flags = ['avx2', 'avx_vnni', 'avx512_vnni', 'avx512f', 'fma', 'asimddp', 'i8mm'];

export function machine() {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const has = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1] ?? '').trim().split(' '));
  return `${cpus()[0].model.trim()}, ${cpus().length} logical cores, ` +
    `${flags.map((flag) => (has.has(flag) ? flag : `no ${flag}`)).join(', ')}`;
}

export const number = (x) => (!Number.isFinite(x) ? '–' : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toPrecision(2));
export const ratio = (x) => (Number.isFinite(x) ? `${x.toFixed(2)}×` : '–');

export function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  return [line(cells[0]), `|${widths.map((w, i) => '-'.repeat(w + 1) + (i ? ':' : '-')).join('|')}|`, ...cells.slice(1).map(line)].join('\n');
}

const marker = (job) => `<!-- job: ${job} -->`;

// The text under `job` in the file, replaced.
export function write(path, job, text) {
  const intro = '# Results of `make bench`\n\nEach job as it was last run, with its date and machine. Compare ratios within a table ' +
    'only.\n`bench/LOG.md` says what was tried.\n';
  const parts = existsSync(path) ? readFileSync(path, 'utf8').split(/(?=<!-- job: )/) : [intro];
  const body = `${marker(job)}\n${text.trim()}\n\n`;
  const at = parts.findIndex((part) => part.startsWith(marker(job)));
  if (at >= 0) parts[at] = body;
  else parts.push(body);
  parts[0] = `${intro}\n`;
  writeFileSync(path, `${parts.join('').trim()}\n`);
}
