// A server that answers as the Hugging Face hub does, and a second one for its large files: descriptions,
// redirects, hashes in headers, ranges, 401 for what is not there, and faults on demand.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listen } from '../server.js';

const digest = (kind, ...parts) => parts.reduce((hash, part) => hash.update(part), createHash(kind)).digest('hex');

export const filesOf = (folder) => Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));

// models: { id: { revision: { name: bytes } } }; proposals: { id: [discussion] }; licence: of every card.
// Resolves to { url, asked, faults }: `asked` lists the requests as "METHOD path range"; `faults(name, request,
// response)` may answer a request for a file's bytes itself (then it returns true); `name` is 'api' for descriptions.
export async function startHub(t, models, { proposals = {}, licence = 'mit' } = {}) {
  const hub = { asked: [], faults: () => false };
  const commits = new Map(); // commit -> { id, files }
  for (const [id, revisions] of Object.entries(models))
    for (const [revision, files] of Object.entries(revisions))
      commits.set(digest('sha1', id, revision), { id, revision, files });
  const note = (request) => hub.asked.push([request.method, decodeURIComponent(request.url), request.headers.range]
    .filter(Boolean).join(' '));
  const plain = (response, status, text) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  const json = (response, value, status = 200) => response.writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify(value));

  // Large files: known by their hash, with ranges and an ETag of another kind.
  const store = await listen((request, response) => {
    note(request);
    const [, sha, name] = /^\/blobs\/([0-9a-f]{64})\/(.+)$/.exec(request.url) ?? [];
    const bytes = [...commits.values()].flatMap(({ files }) => Object.values(files)).find((one) => digest('sha256', one) === sha);
    if (!bytes) return plain(response, 404, 'none');
    if (hub.faults(name, request, response, bytes)) return;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
    if (Number.isNaN(from)) return response.writeHead(200, { 'content-length': bytes.length, etag: '"0-1"' }).end(bytes);
    if (from >= bytes.length) return plain(response, 416, '');
    response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      'content-length': bytes.length - from }).end(bytes.subarray(from));
  });

  const { url, stop } = await listen((request, response, path) => {
    note(request);
    const describe = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    if (describe) {
      const found = [...commits].find(([, one]) => one.id === describe[1] && one.revision === describe[2]);
      if (hub.faults('api', request, response)) return;
      if (!found) return json(response, { error: 'Invalid username or password.' }, 401);
      return json(response, { id: describe[1], sha: found[0], siblings: ['README.md', '.gitattributes', ...Object.keys(found[1].files)]
        .map((rfilename) => ({ rfilename })), cardData: licence && { license: licence } });
    }
    const asked = /^\/api\/models\/([^/]+\/[^/]+)\/discussions$/.exec(path);
    if (asked) {
      const discussions = proposals[asked[1]] ?? [];
      return json(response, { discussions, count: discussions.length, start: 0 });
    }
    const [, cached, id, commit, name] = /^\/(cache\/)?([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(path) ?? [];
    const bytes = commits.get(commit)?.id === id ? commits.get(commit).files[name] : undefined;
    if (!bytes) return plain(response, 404, 'Entry not found');
    response.setHeader('x-repo-commit', commit);
    if (name.endsWith('.safetensors')) {
      const sha = digest('sha256', bytes);
      if (hub.faults(`large ${name}`, request, response, bytes)) return;
      return response.writeHead(302, { location: `${store.url}/blobs/${sha}/${name}`, 'x-linked-etag': `"${sha}"`,
        'x-linked-size': bytes.length, etag: `"${sha}"`, 'content-length': 0 }).end();
    }
    if (!cached) return response.writeHead(307, { location: `/cache${request.url}`, 'content-length': 0 }).end();
    if (hub.faults(name, request, response, bytes)) return;
    response.writeHead(200, { etag: `"${digest('sha1', `blob ${bytes.length}\0`, bytes)}"`, 'content-length': bytes.length,
      'content-type': 'text/plain; charset=utf-8' }).end(request.method === 'HEAD' ? undefined : bytes);
  });
  t.after(() => {
    store.stop();
    stop();
  });
  return Object.assign(hub, { url });
}
