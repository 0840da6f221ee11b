// What a command says and hears: results on standard output, everything else on standard error,
// progress with rate and time left, and Ctrl-C as an AbortSignal.
import { once } from 'node:events';

const printable = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();

function duration(seconds) {
  const s = Math.max(1, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
}

// 48.6 KB, 1.20 MB.
export const size = (bytes) => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(2)} MB`);

// 1 row, 2 rows.
export const counted = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

export function openTerminal() {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // `kin … | head` closes our output early: that is the reader's choice, not an error.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const tty = process.stderr.isTTY;
  let lineOpen = false;
  const endLine = () => {
    if (lineOpen) process.stderr.write('\r\x1b[K');
    lineOpen = false;
  };
  const io = {
    quiet: false,
    signal: controller.signal,
    out: (text) => process.stdout.write(text),
    // For results by the thousand: waits while the reader is slower than we are.
    async line(value) {
      await io.part((typeof value === 'string' ? value : JSON.stringify(value)) + '\n');
    },
    async part(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    note(text) {
      if (io.quiet) return;
      endLine();
      process.stderr.write(printable(text) + '\n');
    },
    fail(error) {
      endLine();
      const text = printable(error?.message ?? String(error));
      process.stderr.write(`kin: ${text}\n`);
    },
    // Silent for the first second; then a line that is rewritten in place, or on a pipe a new
    // line every ten seconds. `unit` is what is counted: 1, or 1e6 with the name 'MB' for bytes.
    progress(what, total, { unit = 1, name = '' } = {}) {
      const start = performance.now();
      let shown = start + 1000 - (tty ? 100 : 10000);
      let first = 0; // the rate counts from the first one on, before which a model may load, and for half a second at least
      let from = 0;
      const amount = (n) => (n / unit).toFixed(unit === 1 ? 0 : 1);
      return (done) => {
        const now = performance.now();
        if (!first) [first, from] = [now, done];
        if (io.quiet || done < 2 || done === from || now - first < 500) return;
        if (now - start < 1000 || now - shown < (tty ? 100 : 10000)) return;
        shown = now;
        const rate = (done - from) / ((now - first) / 1000);
        const left = rate > 0 && done < total ? `, ${duration((total - done) / rate)} left` : '';
        const perSecond = `${(rate / unit).toFixed(rate < 10 * unit ? 1 : 0)} ${name ? `${name}/s` : 'a second'}`;
        const text = `${what}: ${amount(done)} of ${amount(total)}${name && ` ${name}`}, ${perSecond}${left}`;
        process.stderr.write(tty ? `\r\x1b[K${text}` : text + '\n');
        lineOpen = tty;
      };
    },
    async close() {
      endLine();
      process.removeListener('SIGINT', stop);
      process.removeListener('SIGTERM', stop);
      if (process.stdout.writableLength) await once(process.stdout, 'drain');
    },
  };
  return io;
}

// One JSON string a line from standard input.
export async function readTexts() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => {
    let text;
    try {
      text = JSON.parse(line);
    } catch {
      text = null;
    }
    if (typeof text !== 'string')
      throw new Error(`line ${i + 1} of the input is not a JSON string, such as "a red shoe"`);
    return text;
  });
}
