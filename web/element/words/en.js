// English, and the list of what there is to translate. {…} are put in; of objects one is taken by Intl.PluralRules.
export const words = {
  another: 'Another photo', remove: 'Remove photo', crop: 'Crop', photo: 'Your photo', noPreview: 'This browser shows no preview of the photo.',
  box: 'Crop box: arrow keys move it, with Shift they move its right or lower edge, plus and minus resize it, 0 takes the whole photo', boxRole: 'crop box',
  left: 'Move the crop left', up: 'Move the crop up', down: 'Move the crop down', right: 'Move the crop right', smaller: 'Make the crop smaller',
  larger: 'Make the crop larger', whole: 'Whole photo',
  loading: 'Getting ready …', loadingHint: 'Only the first time does this take a moment.', silent: 'Nothing comes at the moment, still waiting …', searching: 'Searching …',
  match: 'Similar products', weak: 'Perhaps one of these', none: 'Nothing similar here', noneHint: 'Try a closer crop around one thing, or another photo.',
  nearest: 'Show the nearest anyway', nearestTitle: 'The nearest there are', shown: { one: '{n} product shown', other: '{n} products shown' }, more: 'Show more',
  very: 'Very similar', filters: 'Filter', any: '{field}: all', upTo: '{field}: up to {value}', yes: 'yes', no: 'no', filteredOut: 'Nothing passes this filter.', clear: 'Clear the filter',
  again: 'Try again', failed: 'That did not work', badPicture: 'This picture could not be read. Please try another one.',
  otherFormat: 'This kind of file cannot be opened here. JPEG and PNG work everywhere.', tooLarge: 'This picture is too large. Please try a smaller one.',
  memory: 'There is too little memory. Please close other tabs and try again.', network: 'The search could not be loaded. Check your connection and try again.',
  broken: 'Search by photo does not work here right now.',
};
