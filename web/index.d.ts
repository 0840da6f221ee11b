// Types of kin-clip, for browsers and Node.

/**
 * What a KinError's `code` can be, with cause and mend:
 * - `no-model` — no model was given where one is needed: pass `model` to load(), or `clip` to openCatalog()
 * - `cors` — a host cannot be reached, does not allow this page to read from it, or the page's Content-Security-Policy forbids it: serve the file from the page's own host, or with Access-Control-Allow-Origin
 * - `http` — the server answered with an error, or the file ended early: check the address, load again
 * - `stalled` — a download brought no byte for as long as `stall` says: check the connection, load again
 * - `not-a-model` — a file is missing, damaged, or a web page came in its place: check the folder's address
 * - `not-a-catalog` — the same for a catalogue: fetch or copy it again, else build it again
 * - `not-a-pack` — the same for a label pack
 * - `not-an-adapter` — the same for an adapter: fetch or copy it again, else train it again
 * - `model-mismatch` — the catalogue was built with another model or dtype: load that one, or build again
 * - `unsupported` — this browser or this release cannot do that; the message says which
 * - `unsupported-image` — a picture format that cannot be opened here: save it as JPEG or PNG
 * - `bad-image`, `truncated-image` — the picture is damaged, or ends early: send it again
 * - `too-large` — more pixels or bytes than are taken: make it smaller
 * - `out-of-memory` — the machine gave no memory: close other tabs
 * - `bad-argument`, `bad-filter`, `unknown-id` — the call itself; the message says what was expected
 * - `unreadable` — a file (Node), or what `to` names, cannot be read or written: check its permissions, and the room for it; a File that was changed, moved or deleted since it was chosen: choose it again
 * - `crashed` — the engine or its worker ended; the next call starts a new one
 * - `no-worker` — the worker could not be started; the message names its address, why, and the line that mends it
 * - `closed` — close() was called
 * - `failed` — none of these; the sentence says what happened
 */
export type KinErrorCode =
  | 'no-model' | 'cors' | 'http' | 'stalled' | 'not-a-model' | 'not-a-catalog' | 'not-a-pack' | 'not-an-adapter' | 'model-mismatch' | 'unsupported'
  | 'unsupported-image' | 'bad-image' | 'truncated-image' | 'too-large' | 'out-of-memory' | 'bad-argument'
  | 'bad-filter' | 'unknown-id' | 'unreadable' | 'no-worker' | 'crashed' | 'closed' | 'failed';

/** Everything Kin throws, beside the standard AbortError of an aborted signal. */
export class KinError extends Error {
  constructor(code: KinErrorCode, message: string, options?: { cause?: unknown });
  readonly code: KinErrorCode;
}

// `await using` closes a clip or catalogue. Where TypeScript's lib does not know the symbol yet (before esnext.disposable)
// the types go without that method.
type AsyncDisposeKey = SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol } ? Key : never;
type Closing = { [key in AsyncDisposeKey]: () => Promise<void> };

// Memory that is nobody else's, as a Blob, a file or a request body takes it; where TypeScript does not yet tell it from shared
// memory (before 5.7), the plain types.
type Bytes = ReturnType<Uint8ArrayConstructor['from']>;
type Floats = ReturnType<Float32ArrayConstructor['from']>;
type Integers = ReturnType<Int32ArrayConstructor['from']>;

export interface Progress {
  /** `stalled`: nothing has come for some seconds. */
  status: 'progress' | 'done' | 'stalled';
  file: string;
  loaded: number;
  /** 0 where the server does not say, or turned out to say that of the packed file. */
  total: number;
  /** Percent, at most 100; does not fall. */
  progress: number;
  /** It came from the store. */
  stored?: true;
}

export interface RawImage {
  /** Rows of 3 (RGB) or 4 (RGBA, laid over white) bytes a pixel. */
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A URL (in Node also a path), a Blob or File, encoded bytes, raw pixels or what a page draws. */
export type ImageSource = string | URL | Blob | ArrayBuffer | ArrayBufferView | RawImage | ImageData
  | ImageBitmap | HTMLImageElement | HTMLPictureElement | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement | VideoFrame;

/** Fractions of the upright picture. May reach over its edges; one in pixels is refused. */
export interface Box { x: number; y: number; width: number; height: number }

export interface ImageOptions {
  /** Default: the whole picture. */
  box?: Box;
  /** `crop`: the reference's centre crop (default). `pad`: padded with white to a square. */
  fit?: 'crop' | 'pad';
  signal?: AbortSignal;
}

// What a policy of Trusted Types makes, where its types are there.
type TrustedAddress = typeof globalThis extends { TrustedScriptURL: { prototype: infer T } } ? T : never;

/** Where Kin runs and what it fetches with. */
export interface RunOptions {
  /** Default: a worker of its own. An address: that worker file. `'blob'`: its own through a blob, for scripts of another
   * host or a sandboxed frame. false: the calling thread. */
  worker?: string | URL | TrustedAddress | boolean;
  /** Maps every file that Kin fetches; default: the address as it is. */
  resolve?: (name: string, url: string, options: { signal: AbortSignal }) => string | URL | undefined | Promise<string | URL | undefined>;
  /** Default: the global fetch. */
  fetch?: typeof fetch;
  /** The cache mode of fetch; default: the browser's. */
  cache?: Exclude<RequestCache, 'only-if-cached'>;
  /** Milliseconds without a byte after which a download is given up; Infinity: never. Default 60,000. */
  stall?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface LoadOptions extends Omit<RunOptions, 'cache'> {
  /** A store: once a tower is used the model's files stay on the device (`persistent`), until the session ends (`session`), or are
   * checked and gone on with, but not kept (`memory`, in Node always). Or the cache mode of fetch. Default: the browser's cache alone. */
  cache?: 'persistent' | 'session' | 'memory' | Exclude<RequestCache, 'only-if-cached'>;
  /** The address of a folder (in Node also a path), or each file's address by name. */
  model?: string | URL | Record<string, string | URL>;
  /** Default `q8`; `f32` is exact and slow, and needs weights that were not converted. */
  dtype?: 'q8' | 'f32';
  /** Default `exact`; `fast` decodes large JPEGs at 1/2, 1/4 or 1/8 of their size, twice what the model needs or more. */
  decode?: 'exact' | 'fast';
  /** Default: half of the cores, at most 4, where the page is cross-origin isolated; else 1. */
  threads?: number;
  /** Default: the best that runs here. */
  variant?: 'simd' | 'simd-threads' | 'relaxed' | 'relaxed-threads';
  /** A tower to load along, its weights while the engine starts; default: each on its first use. */
  preload?: 'image' | 'text';
  /** Decodes picture formats that the engine does not; default: the browser, in Node nothing. */
  decoders?: (bytes: Bytes, format: string, options: { signal: AbortSignal }) => RawImage | null | Promise<RawImage | null>;
}

export interface ClipInfo {
  model: string;
  dim: number;
  imageSize: number;
  dtype: 'q8' | 'f32';
  variant: string;
  threads: number;
  /** Why it is that many. */
  threadsReason: string;
  /** What decoded the last picture: `own`, `own-fast` (at a reduced size), `browser`, `raw`; null before. */
  decoder: string | null;
  numerics: number;
  exact: boolean;
  selfTest: boolean;
  kernels: string;
  /** Billions of multiply-adds a second that the kernels did on one thread when they were chosen. */
  gmacs: number;
  peakBytes: number;
  /** With a store (`cache` of `load`): where files are kept: the origin's private file system, the Cache API, or nowhere. */
  store?: 'opfs' | 'cache' | 'memory';
  /** Why nowhere. */
  storeReason?: string | null;
  licence: string | null;
  languages: string[] | null;
  /** Of the image tower once it is loaded: its preprocessing as canonical JSON. */
  preprocess: string | null;
  version: string;
}

export interface LayerOptions {
  /** 0: what goes into the first block, L: what comes out of the last, negative: from the end. Default `'last'`:
   * last_hidden_state, of a text after the final norm. */
  layer?: number | 'last';
  /** With a numbered layer: its rows through the final norm. Default false. */
  norm?: boolean;
}

export interface HiddenStates {
  /** Row by row. */
  data: Floats;
  /** Rows (tokens, or class token and patches) and channels. */
  dims: [rows: number, channels: number];
}

export interface Clip extends Closing {
  readonly info: ClipInfo;
  readonly closed: boolean;
  /** What a tower needs, before it is fetched: `bytes - stored` are to come. Null without a store, or where the folder has no manifest. */
  sizes(tower: 'image' | 'text'): Promise<{ bytes: number; stored: number; files: { file: string; bytes: number; stored: number }[] } | null>;
  /** Loads a tower now; otherwise its first use does. */
  preload(tower: 'image' | 'text', options?: { signal?: AbortSignal }): Promise<void>;
  /** SHA-256 over a tower's weights and its preprocessing or vocabulary, by which catalogues know it. */
  identify(tower: 'image' | 'text', options?: { signal?: AbortSignal }): Promise<string>;
  /** A unit vector. A list resolves to vectors, or KinErrors in their places. */
  embedImage(source: ImageSource, options?: ImageOptions): Promise<Floats>;
  embedImage(sources: readonly ImageSource[], options?: ImageOptions): Promise<(Floats | KinError)[]>;
  embedText(text: string, options?: { signal?: AbortSignal }): Promise<Floats>;
  embedText(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<(Floats | KinError)[]>;
  /** Start and end tokens included, no padding. Needs no weights. */
  tokenize(text: string, options?: { signal?: AbortSignal }): Promise<Integers>;
  /** The pixels the model sees, RGB. Needs no weights. */
  preprocess(source: ImageSource, options?: ImageOptions): Promise<{ data: Bytes; width: number; height: number }>;
  /** Scores add up to 1, best first; with `multiLabel` each is a probability of its own. Default template: `a photo of a {}`. */
  classify(source: ImageSource, labels: readonly string[], options?: LabelOptions & { templates?: readonly string[] }):
    Promise<{ label: string; score: number }[]>;
  /** A draft of alternative text by a phrase pack in English, for a person to review: of each kind what is sure enough, '' where
   * nothing is. `catalog`: titles of the nearest products help to choose between close objects. */
  describe(source: ImageSource, options: ImageOptions & { pack: LabelPack; catalog?: Catalog | CatalogFolder }): Promise<Draft>;
  /** All rows of a layer, as transformers' hidden_states. A text is padded to the context length. Of a convolutional image
   * tower `'last'` alone. */
  hiddenStates(source: ImageSource, options?: LayerOptions & ImageOptions): Promise<HiddenStates>;
  hiddenStates(text: { text: string }, options?: LayerOptions & { signal?: AbortSignal }): Promise<HiddenStates>;
  createCatalog(options?: { fields?: readonly string[]; fit?: 'crop' | 'pad' }): Promise<CatalogBuilder>;
  /** Pending calls reject with `closed`, the worker ends, memory returns. */
  close(): Promise<void>;
}

export interface LabelOptions extends ImageOptions {
  /** A probability for each label, whatever the others have. Default false: they share 1. */
  multiLabel?: boolean;
  /** An entry for none of the labels: true ('none of these') or its name; the first where that is the answer, else the last. Default false. */
  none?: boolean | string;
}

export type PartKind = 'object' | 'colour' | 'material' | 'pattern' | 'setting';

export interface Draft {
  text: string;
  /** What the text says, in this order. `confidence`: how often a part that is as sure as this is right. */
  parts: { kind: PartKind; label: string; confidence: number }[];
}

/** On pictures that nothing was trained or chosen on. */
export interface Measured { precision: number; recall: number; positives: number; pictures: number; data: string }

export interface LabelScore {
  label: string;
  /** In a phrase pack. */
  kind?: PartKind;
  /** Of the labels, adding up to 1; with `multiLabel` the label's own probability. */
  score: number;
  /** The share of pictures of whatever there is that this one beats; null where the pack has none, and for none. */
  confidence: number | null;
  /** Why: log odds against the background, the phrase that fits best, the negative that fits best. Null for none. */
  evidence: { odds: number; phrase: string; cosine: number; negative: { phrase: string; cosine: number } | null } | null;
  /** Of `multiLabel`'s score, only where it was measured. */
  threshold?: number;
  measured?: Measured;
}

export interface LabelPack {
  readonly info: { dim: number; languages: string[] | null; imageId: string; textId: string;
    background: { phrases: number; pictures: number };
    /** Of a phrase pack, what was measured of each kind; else null. `said`: the share of pictures of which it is said. */
    kinds: Partial<Record<PartKind, { slope: number; centre: number; threshold: number;
      measured: { precision: number; said: number; pictures: number; data: string } }>> | null;
    labels: { label: string; phrases: string[]; negatives: string[]; threshold?: number; measured?: Measured; fromPictures: boolean;
      kind?: PartKind; bare?: true; with?: PartKind[]; shades?: string[]; ground?: string[] }[] };
  /** A picture (with the clip), or its vector as embedImage gave it. Needs no text tower. */
  classify(source: ImageSource | Float32Array | readonly number[], options?: LabelOptions & { none?: false }):
    Promise<(LabelScore & { evidence: NonNullable<LabelScore['evidence']> })[]>;
  classify(source: ImageSource | Float32Array | readonly number[], options?: LabelOptions): Promise<LabelScore[]>;
  /** A label made of 3 to 10 pictures, in this page alone. `found`: how many of them find it first when it is made without them;
   * `taken`: pictures of the background that it is now first for, by the label that was. */
  add(label: { label: string; images?: readonly ImageSource[]; vectors?: Vectors }, options?: { signal?: AbortSignal }):
    Promise<{ label: string; examples: number; found: number; background: number; taken: Record<string, number> }>;
  remove(label: string): boolean;
}

export type Item = Record<string, string | number | boolean | string[] | null>;

/** In Node a path too. */
export type SaveTarget = WritableStream | FileSystemFileHandle | FileSystemDirectoryHandle | string | URL;

export interface CatalogBuilder {
  readonly size: number;
  /** Of `item` only id, title, url, image and the named fields are kept: a catalogue is public. Images or vectors, not both. */
  add(product: { id: string; images?: ImageSource | readonly ImageSource[]; vectors?: Vectors; item?: Item },
    options?: { signal?: AbortSignal }): Promise<void>;
  /** Whether there was one; one that is still being added is gone as well, and its add() rejects with an AbortError. */
  remove(id: string): boolean;
  /** The file's bytes, also written to `to`: a stream, a file, or `catalog.safetensors` in a folder. The same products give the same bytes. */
  save(options?: { to?: SaveTarget; decoders?: readonly string[]; model?: string; signal?: AbortSignal }): Promise<Bytes>;
}

export type QueryPart = { image: ImageSource; box?: Box; fit?: 'crop' | 'pad' } | { text: string }
  | { vector: Float32Array | readonly number[] } | { id: string };
/** One of these kinds; several are joined by `mix`, with a `weight` each (default 1, negative: away from it). */
export type Query = QueryPart | { like?: string | readonly string[]; unlike?: string | readonly string[] }
  | { mix: readonly (QueryPart & { weight?: number })[] };

type Value = string | number | boolean | null;
export interface FieldFilter {
  eq?: Value; ne?: Value; lt?: Value; le?: Value; gt?: Value; ge?: Value; in?: readonly Value[]; has?: string;
}
/** `'color in (red, orange) and price < 50'`, or the same as an object. */
export type Filter = string | { [field: string]: Value | readonly Value[] | FieldFilter | Filter | readonly Filter[] };

export interface SearchOptions {
  /** Default 24. */
  limit?: number;
  /** Default 0. */
  offset?: number;
  filter?: Filter;
  /** The least cosine; default: none. */
  minScore?: number;
  /** The least confidence, 0 to 1; default: none. Needs a catalogue with statistics (`unsupported`). */
  minConfidence?: number;
  /** 0 (default) to 1: how much hits are to differ from those before them, rather than to be near. */
  diversity?: number;
  /** Fields whose values are counted over the products that pass the filter. */
  facets?: string | readonly string[];
  /** Above 200,000 pictures: look at every one, not only at the nearest by sign bits. Default false. */
  exact?: boolean;
  signal?: AbortSignal;
}

export interface Hit {
  id: string;
  /** Cosine of the query and the product's best picture. */
  score: number;
  /** How surely it is more than chance, 0 to 1; null where the catalogue holds no statistics. */
  confidence: number | null;
  /** 0 for the best, counted through all pages. */
  position: number;
  item: Item;
  /** The picture that matched: its address, resolved against that of the catalogue, if that has one; paths of files are encoded. */
  image: { url: string | null; index: number };
  /** What each part of the query gave to the score; they sum to it. */
  contributions: number[];
}

export interface SearchResult {
  hits: Hit[];
  /** Products that pass the filter and minScore. */
  total: number;
  /** Of the best hit's confidence: from 0.95 `match`, from 0.5 `weak`, else, or without a hit, `none`: nothing similar. */
  verdict: 'match' | 'weak' | 'none' | null;
  /** For each field asked for its values, most frequent first, at most 100. */
  facets: Record<string, { value: string | number | boolean; count: number }[]> | null;
  /** Of a folder 1; in what onUpdate is told 0 before the rows themselves were read, then the part of them that was; of a file null. */
  coverage: number | null;
  /** There are more hits after these. */
  truncated: boolean;
  queryId: string;
  /** Milliseconds. */
  timings: { embed: number; filter: number; search: number; total: number };
}

export interface Catalog extends Closing {
  readonly info: { products: number; pictures: number; dim: number; metadata: Record<string, string>;
    exact: boolean; exactReason: string | null };
  /** Which field has which type, for filters. */
  readonly fields: Record<string, 'string' | 'number' | 'boolean' | 'list'>;
  readonly closed: boolean;
  search(query: Query, options?: SearchOptions): Promise<SearchResult>;
  get(id: string): Item | undefined;
  get(ids: readonly string[]): (Item | undefined)[];
  /** As get(), of a folder too. */
  items(id: string): Promise<Item | undefined>;
  items(ids: readonly string[]): Promise<(Item | undefined)[]>;
  /** Replaces fields of products (price, stock …) without touching vectors. A field keeps its type; null empties it. */
  setFields(rows: readonly ({ id: string } & Item)[]): void;
  close(): Promise<void>;
}

/** What is kept of models on this device; in Node nothing. */
export declare const cache: {
  /** `model`: the folder's address, null for the engine's file; `stored` less than `bytes`: a beginning. */
  list(): Promise<{ model: string | null; file: string; bytes: number; stored: number; mode: 'persistent' | 'session' }[]>;
  /** In bytes. */
  size(): Promise<number>;
  /** Of one model, by its folder's address, or all. */
  delete(model?: string | URL): Promise<void>;
};

/** Opens a model; its towers arrive on first use. */
export function load(options?: LoadOptions): Promise<Clip>;

/** What an open folder of a catalogue has otherwise than a file (npx kin-clip publish). */
export interface CatalogFolder extends Omit<Catalog, 'info' | 'search' | 'get' | 'items' | 'setFields'> {
  /** deltas: how many are laid over the base. */
  readonly info: Catalog['info'] & { generation: number; deltas: number };
  search(query: Query, options?: SearchOptions & {
    /** Told of what the codes alone find, before the rows that say it exactly have come; scores are estimates then. */
    onUpdate?: (result: FolderResult) => void;
  }): Promise<FolderResult>;
  items(id: string, options?: { signal?: AbortSignal }): Promise<Item | undefined>;
  items(ids: readonly string[], options?: { signal?: AbortSignal }): Promise<(Item | undefined)[]>;
  /** These stay through refresh(). */
  setFields(rows: readonly ({ id: string } & Item)[]): Promise<void>;
  /** Goes on with the newest generation, where another was published. */
  refresh(options?: { signal?: AbortSignal }): Promise<{ changed: boolean; generation: number }>;
}
export interface FolderResult extends SearchResult { generation: number }
export interface FolderOptions extends RunOptions {
  clip?: Clip;
  /** A market's items: their language, prices, what is sold there. Default: the catalogue's own. */
  locale?: string;
  /** What the shop knows of these products now (price, stock): laid over their items. A search waits for it; `signal` ends with the search, and by close(). */
  fields?: (ids: string[], options: { signal: AbortSignal }) => Promise<({ id: string } & Item)[]>;
}

/** Opens a catalogue in an engine of its own. `like`, `unlike`, `id` and `vector` need no clip. `adapter`: what trainAdapter or
 * `npx kin-clip adapt` made; pictures and queries go through it, and confidence is null. A folder is told by the end of its address: of
 * one that is put together say so, `${base}shop/` as `${string}/`. */
export function openCatalog(source: `${string}/` | `${string}/current.json`, options?: FolderOptions): Promise<CatalogFolder>;
export function openCatalog(source: string | URL | Blob | ArrayBuffer | ArrayBufferView,
  options?: RunOptions & { clip?: Clip; adapter?: string | URL | Blob | ArrayBuffer | ArrayBufferView | null }): Promise<Catalog>;

type Vectors = readonly (Float32Array | readonly number[])[];
/** Pairs that belong together (a photo and its product, a query and what was clicked), or vectors with the kind of each. */
export type AdapterExamples = { left: Vectors; right: Vectors } | { left: Vectors; kinds: readonly (string | number)[] };

export interface AdapterOptions extends Omit<RunOptions, 'onProgress'> {
  /** 1 to 64, default 16: how much the map may change, and its size. */
  rank?: number;
  /** 0 to 2³² − 1, default 1. The same examples, options and seed give the same bytes. */
  seed?: number;
  /** The share of the examples that is kept for figures; 0.01 to 0.5, default 0.2. */
  holdOut?: number;
  /** 1 to 100, default 1 for pairs, 10 for kinds: among how many of the nearest the figures look. */
  at?: number;
  /** `await clip.identify('image')` of the model that made the vectors: catalogues of another one refuse the adapter then. */
  imageId?: string;
  /** `round` of at most `rounds`; figures of the examples that say when to stop, before the first and the best so far. */
  onProgress?: (progress: { status: 'training'; round: number; rounds: number; progress: number; began: number; best: number }) => void;
}

export interface TrainedAdapter {
  /** On examples that were looked at for nothing else, without and with the adapter: of pairs the share of lefts whose right is among the
   * nearest `at`, of kinds the share of the same kind among the nearest `at`. */
  before: number;
  after: number;
  /** The standard error of their difference. */
  error: number;
  at: number;
  rounds: number;
  /** The adapter's file; null where it does not help: a gain of no more than twice the error. */
  bytes: Bytes | null;
}

/** Trains an adapter in a worker of its own: seconds for thousands of examples. */
export function trainAdapter(examples: AdapterExamples, options?: AdapterOptions): Promise<TrainedAdapter>;

/** Opens ready label vectors (`npx kin-clip labels build`). Pictures need a clip, of the model they were built with. */
export function openLabels(source: string | URL | Blob | ArrayBuffer | ArrayBufferView,
  options?: RunOptions & { clip?: Clip }): Promise<LabelPack>;
