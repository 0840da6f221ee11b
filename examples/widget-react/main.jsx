// React 19 with Vite: npm install kin-clip react react-dom @vitejs/plugin-react vite; npx vite
// public/ holds catalog.safetensors, its pictures and model/.
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'kin-clip/element';

function Shop() {
  const [chosen, setChosen] = useState(null);
  return <main>
    <h1>Shop</h1>
    <kin-search catalog="/catalog.safetensors" model="/model/" fallback-url="/search" strings={{ choose: 'Find it by photo' }}
      onkin-select={(event) => {
        event.preventDefault(); // a router would go to the product
        setChosen(event.detail.id);
      }}>
    </kin-search>
    <p aria-live="polite">{chosen && `Chosen: ${chosen}`}</p>
  </main>;
}

createRoot(document.getElementById('shop')).render(<Shop />);
