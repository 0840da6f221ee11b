// The worker of a page for pictures, texts and whole catalogues.
import { begin } from './begin.js';
import * as kinds from './kinds.js';

begin(kinds);
