// Vue 3 with Vite: npm install kin-clip vue @vitejs/plugin-vue vite; npx vite
// public/ holds catalog.safetensors, its pictures and model/.
import { createApp } from 'vue';
import 'kin-clip/element';
import Shop from './Shop.vue';

createApp(Shop).mount('#shop');
