// The buttons beside code.
export function startCopying() {
  for (const button of document.querySelectorAll('.copy'))
    button.addEventListener('click', async () => {
      const code = button.closest('.code').querySelector('pre');
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = 'Copied';
      } catch { // not allowed, or no secure context: marked, for the visitor to copy
        getSelection().selectAllChildren(code);
        button.textContent = 'Marked';
      }
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
}
