// An HTTP server for tests and benches, on a port of its own.
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { extname, join } from 'node:path';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css',
  '.json': 'application/json', '.wasm': 'application/wasm', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.webp': 'image/webp' };

// `answer(request, response, path)`; `secure`: { key, cert }. -> { url, port, asked: the paths so far, stop() }
export async function listen(answer, secure) {
  const asked = [];
  const receive = (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    asked.push(path);
    return answer(request, response, path);
  };
  const server = secure ? createSecureServer(secure, receive) : createServer(receive);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  return { url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`, port, asked, stop() {
    server.closeAllConnections();
    server.close();
  } };
}

// Finds a file of the folder `root` and says its type; null, and a 404 sent, where there is none. -> { file, size }
export function find(response, root, path) {
  const file = join(root, path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    response.writeHead(404).end();
    return null;
  }
  response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
  return { file, size: found.size };
}

export function send(response, root, path) {
  const found = find(response, root, path);
  if (found) createReadStream(found.file).pipe(response.setHeader('content-length', found.size));
}
