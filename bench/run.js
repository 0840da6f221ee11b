// `make bench`: runs the jobs and writes bench/RESULTS.md.
//   ONLY=kernels,image,text,labels,photo,search,folder,start,crowd,build,native   the jobs (default: all)
//   SIZES=100000,1000000                         vectors of search and folder; PRODUCTS=20000 of build (these need none of the models)
//   PROFILE=phone                                instead: the embedded model in a browser held back as a phone is
//   ROUNDS=3                                     turns of each contender
//   MODELS=vit-b32,tinyclip-8m,kin-small,kin-everyday   whose towers (default: all)
import { existsSync } from 'node:fs';
import { launch } from './browser.js';
import { makeModels } from './models.js';
import { machine, write } from './report.js';
import { serve } from './serve.js';

const jobs = {
  kernels: async (bench) => (await import('./kernels.js')).kernels(bench),
  image: async (bench) => (await import('./towers.js')).towers('image', bench),
  text: async (bench) => (await import('./towers.js')).towers('text', bench),
  labels: async (bench) => (await import('./labels.js')).labels(bench),
  photo: async (bench) => (await import('./photo.js')).photo(bench),
  search: async (bench) => (await import('./search.js')).search(bench),
  folder: async (bench) => (await import('./folder.js')).folder(bench),
  start: async (bench) => (await import('./start.js')).start(bench),
  crowd: async (bench) => (await import('./crowd.js')).crowd(bench),
  build: async () => (await import('./build.js')).builds(),
  native: async (bench) => (await import('./bulk.js')).bulk(bench),
};
const { ONLY, PROFILE, ROUNDS = '3' } = process.env;
if (PROFILE && PROFILE !== 'phone') {
  console.error(`There is no profile '${PROFILE}': leave it out or take phone.`);
  process.exit(2);
}
if (PROFILE) jobs.phone = async (bench) => (await import('./phone.js')).phone(bench);
const asked = PROFILE ? ['phone'] : ONLY ? ONLY.split(',') : Object.keys(jobs);
const unknown = asked.filter((job) => !jobs[job]);
if (unknown.length) {
  console.error(`There is no job '${unknown[0]}': take some of ${Object.keys(jobs).join(', ')}.`);
  process.exit(2);
}
if (!existsSync('build/site/kin/wasm')) throw new Error('The engine is not built: make site.');
if (asked.some((job) => !['search', 'folder', 'build'].includes(job))) makeModels();
const rounds = Number(ROUNDS);
const said = ['MODELS', 'SIZES', 'HNSW', 'USEARCH', 'PGVECTOR', 'FILTERED', 'PRODUCTS'].map((name) => (process.env[name] ? ` ${name}=${process.env[name]}` : '')).join('');
const server = await serve('.');
const browser = await launch();
const version = browser.version();
console.log(`${machine()}; Chromium ${version}, Node ${process.version}`);
for (const job of asked) {
  const start = performance.now();
  const text = await jobs[job]({ browser, server, url: server.url, rounds });
  const took = Math.round((performance.now() - start) / 1000);
  console.log(`(${job}: ${took} s)\n`);
  write('bench/RESULTS.md', job, `## ${job}\n\n\`make bench ${PROFILE ? `PROFILE=${PROFILE}` : `ONLY=${job}`} ROUNDS=${rounds}${said}\`, ` +
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${took} s. ${machine()}; Chromium ${version}, Node ${process.version}.\n\n${text}`);
}
await browser.close();
server.stop();
