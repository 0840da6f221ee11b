// The worker of a page.
import { begin } from './begin.js';
import * as kinds from './kinds.js';

begin(kinds);
