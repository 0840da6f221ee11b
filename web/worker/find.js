// The worker of a page for what needs no model.
import { begin } from './begin.js';
import * as kinds from './finding.js';

begin(kinds);
