// Next, App Router: npm install kin-clip next react react-dom; npx next dev
// public/ holds catalog.safetensors, its pictures and model/.
import Finder from './finder';

export default function Page() {
  return <main><h1>Shop</h1><Finder /></main>;
}
