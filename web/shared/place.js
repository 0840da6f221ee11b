// Vite 5 to 7, in development, bundle a package into a folder of their cache and leave behind what it names by address:
// that is still where the package lies.
export const place = (address) => address.replace(/(\/node_modules\/)\.(?!.*\/kin-clip\/)[^?]*\/(?=(?:wasm|worker)\/)/, '$1kin-clip/web/');
