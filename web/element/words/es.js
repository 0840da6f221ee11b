export const words = {
  another: 'Otra foto', remove: 'Quitar la foto', crop: 'Recortar', photo: 'Tu foto', noPreview: 'Este navegador no muestra una vista previa de la foto.',
  box: 'Recorte: las flechas lo mueven, con Mayús mueven su borde derecho o inferior, más y menos cambian el tamaño, 0 toma la foto entera',
  boxRole: 'recorte', left: 'Recorte a la izquierda', up: 'Recorte hacia arriba', down: 'Recorte hacia abajo', right: 'Recorte a la derecha',
  smaller: 'Recorte más pequeño', larger: 'Recorte más grande', whole: 'Foto entera',
  loading: 'Preparando …', loadingHint: 'Solo tarda un momento la primera vez.', silent: 'Ahora no llega nada, seguimos esperando …', searching: 'Buscando …',
  match: 'Productos similares', weak: 'Quizá uno de estos', none: 'Aquí no hay nada similar', noneHint: 'Prueba con un recorte más ajustado a un solo objeto, o con otra foto.',
  nearest: 'Mostrar de todos modos lo más cercano', nearestTitle: 'Lo más cercano', shown: { one: '{n} producto', other: '{n} productos' }, more: 'Mostrar más',
  very: 'Muy similar', filters: 'Filtrar', any: '{field}: todo', upTo: '{field}: hasta {value}', yes: 'sí', no: 'no', filteredOut: 'Nada cumple este filtro.', clear: 'Quitar el filtro',
  again: 'Volver a intentar', failed: 'No ha funcionado', badPicture: 'No se ha podido leer esta imagen. Prueba con otra.',
  otherFormat: 'Este tipo de archivo no se puede abrir aquí. JPEG y PNG funcionan en todas partes.', tooLarge: 'Esta imagen es demasiado grande. Prueba con una más pequeña.',
  memory: 'No hay memoria suficiente. Cierra otras pestañas e inténtalo de nuevo.', network: 'No se ha podido cargar la búsqueda. Comprueba la conexión e inténtalo de nuevo.',
  broken: 'La búsqueda por foto no funciona aquí en este momento.',
};
