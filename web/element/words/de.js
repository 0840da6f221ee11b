export const words = {
  another: 'Anderes Foto', remove: 'Foto entfernen', crop: 'Zuschneiden', photo: 'Ihr Foto', noPreview: 'Dieser Browser zeigt keine Vorschau des Fotos.',
  box: 'Ausschnitt: Pfeiltasten verschieben ihn, mit der Umschalttaste seine rechte oder untere Kante, Plus und Minus ändern die Größe, 0 nimmt das ganze Foto',
  boxRole: 'Ausschnitt', left: 'Ausschnitt nach links', up: 'Ausschnitt nach oben', down: 'Ausschnitt nach unten', right: 'Ausschnitt nach rechts',
  smaller: 'Ausschnitt kleiner', larger: 'Ausschnitt größer', whole: 'Ganzes Foto',
  loading: 'Wird vorbereitet …', loadingHint: 'Nur beim ersten Mal dauert das einen Moment.', silent: 'Gerade kommt nichts an, wir warten weiter …', searching: 'Suche läuft …',
  match: 'Ähnliche Produkte', weak: 'Vielleicht eines davon', none: 'Hier gibt es nichts Ähnliches', noneHint: 'Versuchen Sie einen engeren Ausschnitt um eine einzelne Sache oder ein anderes Foto.',
  nearest: 'Trotzdem das Nächstliegende zeigen', nearestTitle: 'Das Nächstliegende', shown: { one: '{n} Produkt', other: '{n} Produkte' }, more: 'Mehr zeigen',
  very: 'Sehr ähnlich', filters: 'Filter', any: '{field}: alle', upTo: '{field}: bis {value}', yes: 'ja', no: 'nein', filteredOut: 'Zu diesem Filter passt nichts.', clear: 'Filter aufheben',
  again: 'Noch einmal versuchen', failed: 'Das hat nicht geklappt', badPicture: 'Dieses Bild konnte nicht gelesen werden. Bitte versuchen Sie ein anderes.',
  otherFormat: 'Diese Art von Datei lässt sich hier nicht öffnen. JPEG und PNG gehen überall.', tooLarge: 'Dieses Bild ist zu groß. Bitte versuchen Sie ein kleineres.',
  memory: 'Der Speicher reicht nicht. Bitte schließen Sie andere Tabs und versuchen Sie es noch einmal.', network: 'Die Suche konnte nicht geladen werden. Prüfen Sie die Verbindung und versuchen Sie es noch einmal.',
  broken: 'Die Suche mit Foto funktioniert hier gerade nicht.',
};
