// A Parquet file as records (sources.js), a row group at a time, read by a process of its own (parquet-reader.js): what
// a file claims of itself may fill any memory or take for ever, and ends that process alone.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const memory = 1024; // MiB of the reader's heap: a row group's columns have to fit
const patience = 30000; // ms without a page

export async function openParquet(path) {
  const reader = fork(fileURLToPath(new URL('./parquet-reader.js', import.meta.url)), [path],
    { execArgv: [`--max-old-space-size=${memory}`], serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  reader.channel.unref(); // the timer of a question keeps us alive, nothing else
  reader.unref();
  let asked = null; // { resolve, reject, timer }
  let group = null; // what it was reading
  const cannot = (why) => new Error(`${path} cannot be read: ${why}`);
  const answer = (how, value) => {
    clearTimeout(asked?.timer);
    const { [how]: settle } = asked ?? {};
    asked = null;
    settle?.(value);
  };
  const wait = () => setTimeout(() => {
    reader.kill('SIGKILL');
    answer('reject', cannot(`a part of ${group ?? 'its footer'} takes more than ${patience / 1000} s`));
  }, patience);
  reader.on('message', ({ page, error, ...found }) => {
    if (page !== undefined) {
      group = page;
      clearTimeout(asked?.timer);
      if (asked) asked.timer = wait();
    } else if (error !== undefined) answer('reject', new Error(error));
    else answer('resolve', found);
  });
  reader.on('error', (error) => answer('reject', cannot(error.message)));
  reader.on('exit', (code, signal) => answer('reject', cannot(group === null ? `its reader has ended (${signal ?? code})`
    : `${group} does not fit into ${memory / 1024} GiB, or is not sound: write it in smaller row groups`)));
  const ask = (question) => new Promise((resolve, reject) => {
    asked = { resolve, reject, timer: wait() };
    reader.send(question, (error) => error && answer('reject', cannot('its reader has ended')));
  });
  const close = async () => {
    if (reader.exitCode === null && reader.signalCode === null) reader.kill('SIGKILL');
  };
  let position = 0;
  try {
    const { columns, count, size } = await ask({ open: true });
    return { columns, cells: false, size, count, position: () => position, close, async* records(wanted) {
      await ask({ read: wanted });
      const place = new Map(wanted.map((column, i) => [column, i]));
      for (let row = 1; ;) {
        const { rows } = await ask({ next: true });
        if (!rows.length) return;
        for (const values of rows)
          yield { row: row++, error: null, get: (column) => values[place.get(column)] ?? undefined };
        position = Math.round(size * (row - 1) / count);
      }
    } };
  } catch (error) {
    await close();
    throw error;
  }
}
