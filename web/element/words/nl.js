export const words = {
  another: 'Andere foto', remove: 'Foto verwijderen', crop: 'Bijsnijden', photo: 'Je foto', noPreview: 'Deze browser toont geen voorbeeld van de foto.',
  box: 'Uitsnede: pijltjestoetsen verplaatsen haar, met Shift de rechter- of onderrand, plus en min veranderen de grootte, 0 neemt de hele foto',
  boxRole: 'uitsnede', left: 'Uitsnede naar links', up: 'Uitsnede omhoog', down: 'Uitsnede omlaag', right: 'Uitsnede naar rechts',
  smaller: 'Uitsnede kleiner', larger: 'Uitsnede groter', whole: 'Hele foto',
  loading: 'Wordt voorbereid …', loadingHint: 'Alleen de eerste keer duurt dit even.', silent: 'Er komt nu niets binnen, we wachten nog …', searching: 'Bezig met zoeken …',
  match: 'Vergelijkbare producten', weak: 'Misschien een van deze', none: 'Hier is niets vergelijkbaars', noneHint: 'Probeer een krappere uitsnede rond één ding, of een andere foto.',
  nearest: 'Toon toch wat het dichtst in de buurt komt', nearestTitle: 'Wat het dichtst in de buurt komt', shown: { one: '{n} product', other: '{n} producten' }, more: 'Meer tonen',
  very: 'Lijkt er erg op', filters: 'Filter', any: '{field}: alle', upTo: '{field}: tot {value}', yes: 'ja', no: 'nee', filteredOut: 'Niets voldoet aan dit filter.', clear: 'Filter wissen',
  again: 'Opnieuw proberen', failed: 'Dat is niet gelukt', badPicture: 'Deze afbeelding kon niet worden gelezen. Probeer een andere.',
  otherFormat: 'Dit soort bestand kan hier niet worden geopend. JPEG en PNG werken overal.', tooLarge: 'Deze afbeelding is te groot. Probeer een kleinere.',
  memory: 'Er is te weinig geheugen. Sluit andere tabbladen en probeer het opnieuw.', network: 'De zoekfunctie kon niet worden geladen. Controleer je verbinding en probeer het opnieuw.',
  broken: 'Zoeken met een foto werkt hier op dit moment niet.',
};
