// The page about kin-search: samples, themes and languages to try on it. A shop needs none of this.
import { readBox } from './address.js';

const finder = document.getElementById('finder'), main = document.getElementById('main');
for (const button of document.querySelectorAll('.sample')) button.addEventListener('click', async () =>
  finder.search(await (await fetch(button.dataset.src)).blob(), readBox(button.dataset.box)));
document.getElementById('theme').addEventListener('change', ({ target }) => { main.dataset.theme = target.value; });
// No Arabic comes with the element: words of a page's own, for a language that is read from the right.
const arabic = { lang: 'ar', choose: 'ابحث بصورة', camera: 'التقط صورة', hint: 'أو أفلت صورة هنا أو الصقها', privacy: 'تبقى صورتك على هذا الجهاز.', wait: 'لحظة …',
  another: 'صورة أخرى', remove: 'إزالة الصورة', crop: 'قص', whole: 'الصورة كاملة', loading: 'جارٍ التحضير …', searching: 'جارٍ البحث …', match: 'منتجات مشابهة',
  weak: 'ربما أحد هذه', none: 'لا شيء مشابه هنا', nearestTitle: 'الأقرب', shown: 'عدد المنتجات: {n}', more: 'عرض المزيد', very: 'مشابه جدًا', any: '{field}: الكل',
  upTo: '{field}: حتى {value}', fieldNames: { group: 'الفئة', price: 'السعر' } };
document.getElementById('language').addEventListener('change', ({ target: { value } }) => {
  finder.dir = value === 'ar' ? 'rtl' : 'ltr';
  finder.strings = value === 'ar' ? arabic : {};
  finder.lang = value;
});
