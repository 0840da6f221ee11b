// A worker of a page as client.js and threads.js know it: { post, terminate, ref, unref }.
export function link(worker, { message, died } = {}) {
  worker.onmessage = ({ data }) => message?.(data);
  worker.onerror = (event) => {
    event.preventDefault();
    died?.(event);
  };
  return { post: (sent) => worker.postMessage(sent), terminate: () => worker.terminate(), ref() {}, unref() {} };
}
