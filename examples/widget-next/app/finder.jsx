'use client';
import { useState } from 'react';
import 'kin-clip/element'; // on the server this does nothing

export default function Finder() {
  const [chosen, setChosen] = useState(null);
  return <>
    <kin-search catalog="/catalog.safetensors" model="/model/" strings={JSON.stringify({ choose: 'Find it by photo' })}
      onkin-select={(event) => {
        event.preventDefault(); // router.push(…) would go to the product
        setChosen(event.detail.id);
      }}>
      <a slot="fallback" href="/search">Search in words</a>
    </kin-search>
    <p aria-live="polite">{chosen && `Chosen: ${chosen}`}</p>
  </>;
}
