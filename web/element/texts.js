// The element's texts: those of its language, loaded when a shopper acts, with what is put into them.
const languages = { en: () => import('./words/en.js'), de: () => import('./words/de.js'), nl: () => import('./words/nl.js'), fr: () => import('./words/fr.js'),
  es: () => import('./words/es.js') };

// language: as KinSearch.language has it -> its words
export const wordsOf = async (language) => (await languages[language.toLowerCase().split(/[-_]/)[0]]()).words;

// For numbers, which want a proper tag.
export function localeOf(language) {
  try {
    return Intl.getCanonicalLocales(language.replaceAll('_', '-'))[0] ?? 'en';
  } catch {
    return 'en';
  }
}

// 'up to {value}', { value: '€5' } -> 'up to €5'
export const put = (text, values) => String(text).replace(/\{(\w+)\}/g, (mark, name) => values[name] ?? mark);

export function plural(forms, n, language) {
  const text = typeof forms === 'string' ? forms : forms[new Intl.PluralRules(language).select(n)] ?? forms.other;
  return put(text, { n: n.toLocaleString(language) });
}

// Fields of an item are data: what is neither text, number nor a list of these is not shown.
export const plain = (value) => [value].flat().filter((one) => ['string', 'number', 'boolean'].includes(typeof one)).join(', ').slice(0, 300);

// A number of a field, with the shop's currency where the field is the price; a currency that is none leaves the number.
export function amount(value, field, currency, language) {
  try {
    if (field === 'price' && currency) return value.toLocaleString(language, { style: 'currency', currency });
  } catch {}
  return value.toLocaleString(language);
}
