// The gallery: what else kin-clip does, a panel each, through its public interface alone. A panel loads and computes
// nothing before it is asked.
import { startAdapter } from './gallery/adapter.js';
import { startAlt } from './gallery/alt.js';
import { startBlend } from './gallery/blend.js';
import { startCopying } from './gallery/copy.js';
import { startLabels } from './gallery/labels.js';
import { startModeration } from './gallery/moderation.js';
import { startPacks } from './gallery/packs.js';
import { startScores } from './gallery/scores.js';
import { startStates } from './gallery/states.js';

for (const start of [startLabels, startPacks, startModeration, startAlt, startBlend, startScores, startStates, startAdapter]) start();

startCopying();
