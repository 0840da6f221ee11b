export const words = {
  another: 'Autre photo', remove: 'Retirer la photo', crop: 'Recadrer', photo: 'Votre photo', noPreview: 'Ce navigateur n’affiche pas d’aperçu de la photo.',
  box: 'Cadre : les flèches le déplacent, avec Maj elles déplacent son bord droit ou inférieur, plus et moins changent sa taille, 0 prend toute la photo',
  boxRole: 'cadre', left: 'Cadre vers la gauche', up: 'Cadre vers le haut', down: 'Cadre vers le bas', right: 'Cadre vers la droite',
  smaller: 'Cadre plus petit', larger: 'Cadre plus grand', whole: 'Photo entière',
  loading: 'Préparation …', loadingHint: 'Cela ne prend un instant que la première fois.', silent: 'Rien n’arrive pour le moment, on attend encore …', searching: 'Recherche …',
  match: 'Produits similaires', weak: 'Peut-être l’un de ceux-ci', none: 'Rien de similaire ici', noneHint: 'Essayez un cadre plus serré autour d’un seul objet, ou une autre photo.',
  nearest: 'Afficher quand même les plus proches', nearestTitle: 'Les plus proches', shown: { one: '{n} produit', other: '{n} produits' }, more: 'Afficher plus',
  very: 'Très similaire', filters: 'Filtrer', any: '{field} : tout', upTo: '{field} : jusqu’à {value}', yes: 'oui', no: 'non', filteredOut: 'Rien ne correspond à ce filtre.', clear: 'Effacer le filtre',
  again: 'Réessayer', failed: 'Cela n’a pas fonctionné', badPicture: 'Cette image n’a pas pu être lue. Essayez-en une autre.',
  otherFormat: 'Ce type de fichier ne peut pas être ouvert ici. JPEG et PNG fonctionnent partout.', tooLarge: 'Cette image est trop grande. Essayez-en une plus petite.',
  memory: 'La mémoire ne suffit pas. Fermez d’autres onglets et réessayez.', network: 'La recherche n’a pas pu être chargée. Vérifiez la connexion et réessayez.',
  broken: 'La recherche par photo ne fonctionne pas ici pour le moment.',
};
