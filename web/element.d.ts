import type { Box, Catalog, CatalogFolder, Clip, FolderOptions, Hit, ImageSource, LoadOptions, SearchResult } from './index.js';

/** Where the element stands. `shown`: a photo is there that has not been searched by; `unavailable`: it cannot run here. */
export type KinSearchState = 'start' | 'shown' | 'loading' | 'searching' | 'results' | 'none' | 'error' | 'unavailable';

/** What a card may show of a hit, checked and formatted; null where there is none. */
export interface KinSearchFacts {
  title: string;
  /** item.url, if it is one of http or https. */
  href: string | null;
  /** The picture that matched. */
  src: string | null;
  /** 'Very similar', from a confidence of 0.95. */
  match: string | null;
  /** A field as text: numbers in the page's language, `price` in its currency. */
  text(field: string): string | null;
}

/** What the shopper asks, as `catalog.search` takes it. `box`, with `fit`: only where it is not all of the photo. */
export interface KinSearchQuery { image: ImageSource; box?: Box; fit?: 'pad' }

/** Texts of the element: docs/widget.md lists them. `lang`: the language they are in. */
export type KinSearchStrings = { [name: string]: string | Partial<Record<Intl.LDMLPluralRule, string>> | Record<string, string> | undefined } & {
  lang?: string;
  /** Of the fields to filter by. */
  fieldNames?: Record<string, string>;
};

export interface KinSearchHit { id: string; position: number; confidence: number | null }
/** Of `kin-results`. `hits`: those that are new on the page; none where nothing similar was found. */
export interface KinSearchResults { queryId: string; verdict: 'match' | 'weak' | 'none' | null; total: number; hits: KinSearchHit[]; ms: number }
/** Of `kin-select`; preventDefault() keeps the page from following the link. */
export interface KinSearchSelect extends KinSearchHit { queryId: string }

export interface KinSearchEventMap {
  'kin-results': CustomEvent<KinSearchResults>;
  'kin-select': CustomEvent<KinSearchSelect>;
  /** The shopper has taken the photo away. */
  'kin-remove': CustomEvent<Record<string, never>>;
  /** `code`: as KinError has it. */
  'kin-error': CustomEvent<{ code: string }>;
  'kin-unavailable': CustomEvent<Record<string, never>>;
}

/** `<kin-search>`. Attributes are reflected by properties of the same names. */
export class KinSearch extends HTMLElement {
  /** Address of a catalogue's file, or of a published folder: it ends with `/` or `/current.json`. */
  catalog: string | null;
  /** Address of a model's folder. */
  model: string | null;
  /** A published folder's market: its items, in their language and with their prices. Default: the catalogue's own. */
  locale: string | null;
  /** Address of a worker file, where a bundler leaves it behind. */
  worker: string | null;
  /** Hits shown at once. Default 12. */
  limit: string | null;
  /** A filter that always holds: `in_stock and price < 500`. */
  filter: string | null;
  /** Fields to filter by: `group, price:10|25|50`. */
  filters: string | null;
  /** Fields on a card. Default `price`. */
  fields: string | null;
  /** ISO 4217, for the field `price`. */
  currency: string | null;
  /** A page to go to where the element cannot run. */
  fallbackUrl: string | null;
  /** Texts in place of its own. */
  get strings(): KinSearchStrings;
  set strings(value: KinSearchStrings | string);
  /** Makes a card: a node, or text. Default: the slotted template's, else the element's own. */
  renderHit: ((hit: Hit, facts: KinSearchFacts) => Node | string) | null;
  /** Searches and shows the hits in the page, in place of the element. An answer that it gives back is told as `kin-results`. */
  find: ((query: KinSearchQuery, options: { signal: AbortSignal }) => Promise<SearchResult | void> | SearchResult | void) | null;
  /** More for `load()`: decode, threads, fetch, resolve, cache, onProgress …; of a published folder `fields` too. */
  loadOptions: Omit<LoadOptions, 'model' | 'signal'> & Pick<FolderOptions, 'fields'>;
  readonly state: KinSearchState;
  /** The last error, for who builds the page. */
  readonly error: unknown;
  readonly language: string;
  /** Resolves when it is answered or has failed; never rejects. */
  search(source: ImageSource, box?: Box | null): Promise<void>;
  /** Shows a photo and its crop without a search, until the shopper moves the crop. */
  show(source: ImageSource, box?: Box | null): Promise<void>;
  /** Fetches what a search needs. */
  preload(): Promise<void>;
  /** What it searches with, the element's to close; null where it cannot run. Rejects as load() and openCatalog() do. */
  open(): Promise<{ clip: Clip; catalog: Catalog | CatalogFolder } | null>;
  /** The button; with `crop` the crop box, where there is one. */
  focus(options?: FocusOptions & { crop?: boolean }): void;
  /** Back to the first view; the photo is forgotten. */
  reset(): Promise<void>;
}

/** Attributes, for JSX: docs/widget.md shows how React's types take them. */
export interface KinSearchAttributes {
  catalog?: string; model?: string; locale?: string; worker?: string; limit?: number | string; filter?: string; filters?: string; fields?: string; currency?: string;
  'fallback-url'?: string; strings?: string | KinSearchStrings; lang?: string; dir?: string; renderHit?: KinSearch['renderHit']; find?: KinSearch['find']; loadOptions?: KinSearch['loadOptions'];
}

declare global {
  interface HTMLElementTagNameMap { 'kin-search': KinSearch }
  // They rise through the page.
  interface HTMLElementEventMap extends KinSearchEventMap {}
  interface DocumentEventMap extends KinSearchEventMap {}
}
