/** Hears `<kin-search>`'s events and pushes GA4's view_item_list and select_item. Returns a function that ends it. */
export function toDataLayer(target?: EventTarget, options?: { dataLayer?: unknown[]; list?: string }): () => void;

/** Hears them and sends Algolia Insights' viewedObjectIDs and clickedObjectIDs by `aa`, search-insights' function. */
export function toInsights(target: EventTarget | undefined, options: { aa: (method: any, ...args: any[]) => unknown; index: string; viewed?: string; chosen?: string }): () => void;
