// What <kin-search> tells, in the words of two systems of analytics. Both hear the element's events (kin-results,
// kin-select), which hold ids and positions, and never the photo, its vector or a text of the shopper's.

// Calls results(detail) and select(detail); -> a function that ends it.
function hear(target, results, select) {
  const heard = { 'kin-results': results, 'kin-select': select };
  const handlers = Object.entries(heard).map(([name, tell]) => [name, ({ detail }) => {
    try {
      tell(detail);
    } catch (error) {
      console.warn(`kin-search: analytics: ${error?.message ?? error}`); // a page's own search goes on
    }
  }]);
  for (const [name, handler] of handlers) target.addEventListener(name, handler);
  return () => {
    for (const [name, handler] of handlers) target.removeEventListener(name, handler);
  };
}

// Google's dataLayer (Tag Manager, and gtag.js with its own function): GA4's view_item_list and select_item.
//   target     an element or the document (default): events rise to it
//   dataLayer  default: the page's, made if there is none
//   list       the list's name in reports
export function toDataLayer(target = document, { dataLayer = (globalThis.dataLayer ??= []), list = 'Search by photo' } = {}) {
  const push = (event, hits, more) => {
    dataLayer.push({ ecommerce: null }); // as Tag Manager wants it: nothing of an earlier event stays
    dataLayer.push({ event, ecommerce: { item_list_id: 'kin-search', item_list_name: list,
      items: hits.map(({ id, position }) => ({ item_id: id, index: position })) }, ...more });
  };
  return hear(target, ({ queryId, verdict, hits, ms }) => push('view_item_list', hits, { kin_query_id: queryId, kin_verdict: verdict, kin_ms: ms }),
    ({ queryId, id, position, confidence }) => push('select_item', [{ id, position }], { kin_query_id: queryId, kin_confidence: confidence }));
}

const atMost = 20; // object ids that Algolia takes in an event

// Algolia Insights: viewedObjectIDs and clickedObjectIDs. A query of ours is none of Algolia's, which knows only its own
// query ids; so its events "after search" are not for this.
//   aa      search-insights' function
//   index   the index whose object ids the catalogue's are
export function toInsights(target = document, { aa, index, viewed = 'Photo results viewed', chosen = 'Photo result clicked' } = {}) {
  const send = (kind, eventName, ids) => ids.length && aa(kind, { index, eventName, objectIDs: ids });
  return hear(target, ({ hits }) => {
    for (let i = 0; i < hits.length; i += atMost) send('viewedObjectIDs', viewed, hits.slice(i, i + atMost).map(({ id }) => id));
  }, ({ id }) => send('clickedObjectIDs', chosen, [id]));
}
