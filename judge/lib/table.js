// A CSV of the judged sets: comma, quotes, the first line names the columns.
export function readCsv(text) {
  const [names, ...rows] = text.replaceAll('\r\n', '\n').trimEnd().split('\n').map((line) =>
    Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare));
  return rows.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i]])));
}
