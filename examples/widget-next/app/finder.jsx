'use client';
import { useEffect, useRef, useState } from 'react';
import 'kin-clip/element'; // on the server this does nothing

const strings = JSON.stringify({ choose: 'Find it by photo' }); // as an attribute, which the server can write

export default function Finder() {
  const finder = useRef(null);
  const [chosen, setChosen] = useState(null);
  useEffect(() => { // what the server has written gets no onkin-select from React
    const element = finder.current;
    const choose = (event) => {
      event.preventDefault(); // router.push(…) would go to the product
      setChosen(event.detail.id);
    };
    element.addEventListener('kin-select', choose);
    return () => element.removeEventListener('kin-select', choose);
  }, []);
  return <>
    <kin-search ref={finder} catalog="/catalog.safetensors" model="/model/" strings={strings}>
      <a slot="fallback" href="/search">Search in words</a>
    </kin-search>
    <p aria-live="polite">{chosen && `Chosen: ${chosen}`}</p>
  </>;
}
