// A worker thread of Node, started and then known as link.js says. It is told which file it runs, since it
// may have to start that once more.
import { Worker } from 'node:worker_threads';

const patience = 5000; // ms that a worker has to leave

// `file`: a path or URL.
export function startThread(file, { message, died } = {}) {
  const isUrl = /^(data|file):/.test(file);
  const worker = new Worker(isUrl ? new URL(file) : file, { execArgv: [], workerData: { file: String(file) } });
  let ended = false;
  const gone = new Promise((resolve) => { worker.once('exit', resolve); });
  worker.on('message', (sent) => message?.(sent));
  worker.on('error', (error) => died?.(error));
  worker.on('exit', (code) => ended || died?.(new Error(`exit code ${code}`)));
  return {
    post: (sent) => worker.postMessage(sent), ref: () => worker.ref(), unref: () => worker.unref(),
    // It leaves by itself (worker.node.js), and Node then waits for what V8 still compiles for it. Ended from
    // outside meanwhile, it may take the process along (nodejs/node#56236, rarely, with Node 20).
    async terminate({ hung = false } = {}) {
      ended = true;
      worker.ref();
      worker.postMessage({ stop: true });
      const timer = setTimeout(() => worker.terminate(), hung ? 0 : patience);
      await gone;
      clearTimeout(timer);
    },
  };
}
