// Addresses that lead into a bundler's cache, and those that only look so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { place } from '../../web/shared/place.js';

const package_ = 'http://x/node_modules/kin-clip/web/';

for (const [address, there] of [
  ['http://x/node_modules/.vite/worker/worker.js?worker_file&type=module', `${package_}worker/worker.js?worker_file&type=module`],
  ['http://x/node_modules/.vite/wasm/kin-simd.wasm', `${package_}wasm/kin-simd.wasm`],
  ['http://x/node_modules/.cache/vite/client/wasm/kin-simd.wasm', `${package_}wasm/kin-simd.wasm`],
  ['http://x/shop/node_modules/.vite/wasm/kin-simd.wasm', 'http://x/shop/node_modules/kin-clip/web/wasm/kin-simd.wasm']])
  test(`${address} lies in the package`, () => assert.equal(place(address), there));

for (const address of [`${package_}wasm/kin-simd.wasm`, 'http://x/kin/worker/worker.js', 'http://x/assets/kin-simd-B2a.wasm',
  'http://x/@fs/a/node_modules/.pnpm/kin-clip@0.1.0/node_modules/kin-clip/web/wasm/kin-simd.wasm', 'blob:http://x/1', 'data:text/javascript,1',
  'http://x/wasm/kin-simd.wasm?from=/node_modules/.vite/a/'])
  test(`${address} stays`, () => assert.equal(place(address), address));
