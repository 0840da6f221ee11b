// Before the first frame: whether the figures are shown, and whether the address asks for other hits than the page
// comes with, so that those do not flash up.
{
  const { classList } = document.documentElement;
  try {
    if (localStorage.getItem('how') === 'on') classList.add('how');
  } catch { /* storage is forbidden: the switch starts off */ }
  if (/[#&](q|sample|photo|like|group|price|in)=/.test(location.hash)) classList.add('other');
}
